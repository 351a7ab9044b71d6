/**
 * Writes a CycloneDX 1.6 document with the installed parts of the image: Debian's packages from dpkg's list, npm's from
 * the lockfile in node_modules, Python's from their metadata. Runs while the image is built: `node deploy/image/sbom.ts FILE`.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

interface Component {
  readonly type: 'library' | 'operating-system' | 'application';
  readonly name: string;
  readonly version: string;
  /** Absent if this kind of package has no such address. */
  readonly purl?: string;
  readonly licenses?: readonly { readonly license: { readonly name: string } }[];
}

const licensed = (name: string | undefined): Pick<Component, 'licenses'> =>
  name === undefined || name === '' ? {} : { licenses: [{ license: { name } }] };

/** The `Name: value` lines of a paragraph in dpkg's or Python's metadata; the first one of each name. */
function fieldsOf(paragraph: string): Readonly<Record<string, string>> {
  const lines = paragraph.split('\n').map((line) => /^([\w-]+): (.*)$/.exec(line));
  return Object.fromEntries(lines.flatMap((match) => (match ? [[match[1], match[2]]] : [])).reverse());
}

const debian = (status: string): Component[] =>
  status
    .split('\n\n')
    .map(fieldsOf)
    .filter(({ Status: state }) => state === 'install ok installed')
    .map(({ Package: name = '', Version: version = '', Architecture: arch = '' }) => ({
      type: 'library',
      name,
      version,
      purl: `pkg:deb/debian/${name}@${encodeURIComponent(version)}?arch=${arch}`,
    }));

const npm = (lockfile: string): Component[] =>
  Object.entries<{ version: string; license?: string }>(JSON.parse(lockfile).packages).map(
    ([path, { version, license }]) => {
      const name = path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length);
      const purl = `pkg:npm/${name.replace('@', '%40')}@${version}`;
      return { type: 'library', name, version, purl, ...licensed(license) };
    },
  );

function python(sitePackages: string): Component[] {
  const infos = readdirSync(sitePackages).filter((name) => name.endsWith('.dist-info'));
  return infos.map((info) => {
    const [header = ''] = readFileSync(join(sitePackages, info, 'METADATA'), 'utf8').split('\n\n');
    const {
      Name: name = '',
      Version: version = '',
      'License-Expression': expression,
      License: license,
    } = fieldsOf(header);
    const purl = `pkg:pypi/${name.toLowerCase().replace(/[-_.]+/g, '-')}@${version}`;
    return { type: 'library', name, version, purl, ...licensed(expression ?? license) };
  });
}

const read = (file: string): string => readFileSync(file, 'utf8');
const own = JSON.parse(read('package.json'));
const lib = '.tools/dbt/lib';
const [pythonVersion = ''] = readdirSync(lib);
const components: Component[] = [
  { type: 'operating-system', name: 'debian', version: read('/etc/debian_version').trim() },
  {
    type: 'application',
    name: 'node',
    version: process.versions.node,
    purl: `pkg:generic/node@${process.versions.node}`,
  },
  ...debian(read('/var/lib/dpkg/status')),
  ...npm(read('node_modules/.package-lock.json')),
  ...python(join(lib, pythonVersion, 'site-packages')),
];
const [file = 'sbom.cdx.json'] = process.argv.slice(2);
const metadata = { component: { type: 'application', name: own.name, version: own.version } };
writeFileSync(file, JSON.stringify({ bomFormat: 'CycloneDX', specVersion: '1.6', version: 1, metadata, components }));
