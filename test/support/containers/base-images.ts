import { cpSync, mkdirSync, mkdtempSync, readdirSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { attempt, run } from './command.ts';
import { debianSources } from './engine.ts';

const root = join(import.meta.dirname, '../../..');
const standIns = join(root, 'test/containers/stand-ins');

/** Where the base images come from. */
type Origin = 'the registry' | 'stand-ins made here';

/**
 * Ensures that every base image exists: from the registry or, if no registry answers, as stand-ins with the same names.
 * Either all or none are stand-ins, so that a result is about one kind of image.
 * @param names as in the Dockerfile and docker-compose.yml.
 */
export async function ensureBaseImages(names: BaseImages, env: Readonly<Record<string, string>>): Promise<Origin> {
  const images = Object.values(names);
  const label = await attempt('docker', ['image', 'inspect', '--format', standInLabel, ...images], { env });
  if (label.code === 0) return label.stdout.includes('true') ? 'stand-ins made here' : 'the registry';
  // The smallest one first: it shows whether a registry answers at all.
  const pull = (image: string) => attempt('docker', ['pull', '--quiet', image], { env, timeoutMs: 300_000 });
  if ((await pull(names.valkey)).code === 0) {
    for (const image of images) await run('docker', ['pull', '--quiet', image], { env });
    return 'the registry';
  }
  await makeStandIns(names, env);
  return 'stand-ins made here';
}

export interface BaseImages {
  readonly node: string;
  readonly kafka: string;
  readonly valkey: string;
  readonly prometheus: string;
}

const standInLabel = '{{index .Config.Labels "stand-in"}}';

async function makeStandIns(names: BaseImages, env: Readonly<Record<string, string>>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'tmdb-stream-stand-ins-'));
  try {
    await Promise.all([
      importDebian('bookworm', [], folder, env),
      importDebian('trixie', ['openjdk-21-jre-headless', 'valkey-server', 'prometheus', 'busybox'], folder, env),
    ]);
    const context = join(folder, 'context');
    await fillContext(context);
    for (const [name, image] of Object.entries(names)) {
      await run(
        'docker',
        [
          'build',
          '--quiet',
          '--tag',
          image,
          '--label',
          'stand-in=true',
          '--file',
          join(standIns, `${name}.Dockerfile`),
          context,
        ],
        {
          env,
        },
      );
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Files that Debian's slim images omit. */
const leftOut = ['doc', 'man', 'locale', 'info', 'bug', 'lintian'].map((name) => `/usr/share/${name}/*`);

/**
 * A minimal Debian with `packages` as the image `stand-in/debian:SUITE`. The settings by which this machine's package clients
 * reach their registries (certificate authorities, apt's proxy) are part of it, so the product's Dockerfile needs none.
 */
async function importDebian(
  suite: string,
  packages: readonly string[],
  folder: string,
  env: Readonly<Record<string, string>>,
): Promise<void> {
  const image = `stand-in/debian:${suite}`;
  if ((await attempt('docker', ['image', 'inspect', image], { env })).code === 0) return;
  const archive = join(folder, `${suite}.tar`);
  const hooks = [
    'mkdir -p "$1/usr/local/share/ca-certificates" "$1/usr/local/etc"',
    'cp /usr/local/share/ca-certificates/*.crt "$1/usr/local/share/ca-certificates/" 2>/dev/null || true',
    'chroot "$1" update-ca-certificates >/dev/null',
    'printf "[global]\\ncert = /etc/ssl/certs/ca-certificates.crt\\n" >"$1/etc/pip.conf"',
    'echo cafile=/etc/ssl/certs/ca-certificates.crt >"$1/usr/local/etc/npmrc"',
    'cp /etc/apt/apt.conf.d/*proxy* "$1/etc/apt/apt.conf.d/" 2>/dev/null || true',
    'rm -rf "$1"/var/lib/apt/lists/* "$1"/var/cache/apt/* "$1"/var/log/*',
  ];
  await run('mmdebstrap', [
    ...['--mode=root', '--variant=minbase', `--include=${['ca-certificates', ...packages].join(',')}`],
    // Without fsync: the folder is temporary.
    '--dpkgopt=force-unsafe-io',
    // The folder for links of Java's package.
    '--essential-hook=mkdir -p "$1/usr/share/man/man1"',
    ...leftOut.map((path) => `--dpkgopt=path-exclude=${path}`),
    ...hooks.map((hook) => `--customize-hook=${hook}`),
    ...[suite, archive, ...debianSources(suite)],
  ]);
  await run('docker', ['import', archive, image], { env });
  rmSync(archive);
}

/** The files for the stand-ins: Node and Kafka's jars from this project, npm from this machine. */
async function fillContext(context: string): Promise<void> {
  const platform = `node-linux-${process.arch}`;
  mkdirSync(join(context, 'bin'), { recursive: true });
  cpSync(join(root, 'node_modules', platform, 'bin/node'), join(context, 'bin/node'));
  const npm = realpathSync((await run('sh', ['-c', 'command -v npm'])).trim());
  cpSync(join(dirname(npm), '../../npm'), join(context, 'npm'), { recursive: true });
  cpSync(join(standIns, 'kafka'), join(context, 'kafka'), { recursive: true });
  const jars = join(root, '.tools/kafka');
  mkdirSync(join(context, 'libs'));
  for (const file of readdirSync(jars).filter((name) => name.endsWith('.jar')))
    cpSync(join(jars, file), join(context, 'libs', file));
}
