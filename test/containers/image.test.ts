import { describe, expect, it } from 'vitest';
import { attempt, run } from '../support/containers/command.ts';
import { image, snowflakeImage } from '../support/containers/images.ts';

/** Runs a program in a new container like those of our fleet: no external network, and only /tmp and /data are writable. */
const inContainer = (of: string, ...command: readonly string[]) => {
  const [program = '', ...args] = command;
  const bounds = [
    '--read-only',
    '--network=none',
    '--cap-drop=ALL',
    '--tmpfs=/tmp',
    '--tmpfs=/data:uid=10001,gid=10001',
  ];
  return attempt('docker', ['run', '--rm', '--init', ...bounds, `--entrypoint=${program}`, of, ...args]);
};

const python = '.tools/dbt/bin/python';
const megabytes = async (of: string) =>
  Number(await run('docker', ['image', 'inspect', '--format', '{{.Size}}', of])) / 1e6;

describe.each([image, snowflakeImage])('the image %s', (of) => {
  const inImage = (...command: readonly string[]) => inContainer(of, ...command);

  it('[S7] lets its user read the files and not write them', async () => {
    expect((await inImage('id', '-u')).stdout.trim()).toBe('10001');
    // Without --read-only, so that only the ownership of the files protects them, not the mount.
    const touch = (path: string) => attempt('docker', ['run', '--rm', '--entrypoint=touch', of, path]);
    expect((await touch('/app/x')).code).not.toBe(0);
    expect((await touch('/app/.tools/dbt/x')).code).not.toBe(0);
    expect((await touch('/usr/local/bin/x')).code).not.toBe(0);
    expect((await touch('/data/x')).code).toBe(0);
  });

  it('runs the command line', async () => {
    for (const [args, text] of [
      [['--help'], 'Usage:'],
      [['status', '--help'], 'Usage: tmdb-stream status'],
    ] as const) {
      expect(await inImage('node', 'cli.ts', ...args)).toMatchObject({
        code: 0,
        output: expect.stringContaining(text),
      });
    }
  });

  it('runs dbt, which reads the project and writes only below /data', async () => {
    const places = [
      '--project-dir=dbt',
      '--profiles-dir=dbt',
      '--target-path=/data/dbt/target',
      '--log-path=/data/dbt/logs',
    ];
    const parse = await inImage('env', 'DUCKDB_PATH=/data/x.duckdb', '.tools/dbt/bin/dbt', 'parse', ...places);
    expect(parse, parse.output).toMatchObject({ code: 0 });
    expect((await inImage(python, '-c', 'import dbt.adapters.duckdb, pip')).output).toMatch(/No module named 'pip'/);
  });

  it('contains no development tool, no second Node, no package manager, no sources of types, no maps', async () => {
    const programs = ['npm', 'npx', 'yarn', 'corepack', 'apt', 'apt-get', 'dpkg', 'pip', 'pip3', 'perl', 'java'];
    const found = await inImage('sh', '-c', programs.map((name) => `command -v ${name}`).join(';'));
    expect(found.stdout).toBe('');
    const paths = [
      'node_modules/vitest',
      'node_modules/typescript',
      'node_modules/testcontainers',
      'node_modules/.bin',
      '.tools/kafka',
    ];
    for (const path of paths) expect((await inImage('test', '-e', path)).code, path).toBe(1);
    const files = await inImage(
      'find',
      '/app',
      '/usr',
      '(',
      '-name',
      '*.map',
      '-o',
      '-name',
      '*.d.ts',
      '-o',
      '-name',
      '*.pyi',
      ')',
    );
    expect(files.stdout).toBe('');
  });

  it('lists every package in its SBOM', async () => {
    const sbom = JSON.parse((await inImage('cat', 'sbom.cdx.json')).stdout);
    expect(sbom).toMatchObject({ bomFormat: 'CycloneDX', specVersion: '1.6' });
    const purls = new Set((sbom.components as { purl?: string }[]).map(({ purl }) => purl ?? ''));
    const list = `for (const file of fs.globSync('{.,node_modules/**}/node_modules/{*,@*/*}/package.json')) {
      const { name, version } = JSON.parse(fs.readFileSync(file, 'utf8'));
      console.log(name.replace('@', '%40') + '@' + version);
    }`;
    const modules = (await inImage('node', '-e', list)).stdout.trim().split('\n');
    expect(modules.length).toBeGreaterThan(20);
    expect(modules.filter((name) => !purls.has(`pkg:npm/${name}`))).toEqual([]);
    const script =
      'import importlib.metadata as m; print("\\n".join(f"{d.name}@{d.version}" for d in m.distributions()))';
    const distributions = (await inImage(python, '-c', script)).stdout.trim().split('\n');
    const missing = distributions.filter(
      (name) => !purls.has(`pkg:pypi/${name.toLowerCase().replace(/[-_.]+(?=.*@)/g, '-')}`),
    );
    expect(distributions.length).toBeGreaterThan(40);
    expect(missing).toEqual([]);
    expect([...purls].filter((purl) => /^pkg:deb\/debian\/(libc6|python3)@/.test(purl))).toHaveLength(2);
  });

  it('has labels that describe it', async () => {
    const labels = JSON.parse(await run('docker', ['image', 'inspect', '--format', '{{json .Config.Labels}}', of]));
    for (const name of ['title', 'description', 'version', 'licenses', 'base.name']) {
      expect(labels[`org.opencontainers.image.${name}`], name).toMatch(/\S/);
    }
  });
});

describe("Snowflake's drivers", () => {
  it.each([
    ['node', '-e', 'await import("snowflake-sdk")'],
    [python, '-c', 'import dbt.adapters.snowflake'],
  ])('are only in the image for Snowflake: %s', async (...command) => {
    expect((await inContainer(image, ...command)).code).toBe(1);
    expect((await inContainer(snowflakeImage, ...command)).code).toBe(0);
  });

  it('are missing in the other image, and the error says where to find them', async () => {
    const account = [
      'WAREHOUSE=snowflake',
      'SNOWFLAKE_ACCOUNT=A-B',
      'SNOWFLAKE_USER=U',
      'SNOWFLAKE_TOKEN=a-token-of-some-length',
    ];
    const { code, output } = await inContainer(
      image,
      'env',
      ...account,
      'node',
      'cli.ts',
      'warehouse',
      'provision',
      '--check',
    );
    expect(output).toMatch(/snowflake-sdk is not installed.*tmdb-stream:.*-snowflake/);
    expect(code).toBe(2);
  });
});

describe('the size', () => {
  it('is at most 450 MB; each layer', async () => {
    for (const of of [image, snowflakeImage]) {
      const layers = await run('docker', ['history', '--format', '{{.Size}}\t{{.CreatedBy}}', of]);
      const large = layers
        .split('\n')
        .filter((line) => /MB/.test(line))
        .map((line) => line.slice(0, 90));
      process.stdout.write(`${of}: ${(await megabytes(of)).toFixed(0)} MB\n  ${large.join('\n  ')}\n`);
    }
    expect(await megabytes(image)).toBeLessThan(450);
  });
});
