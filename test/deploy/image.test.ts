import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ImageBuild } from './support/image-build.ts';

// The npm packages hold a Node for Linux alone, and the step that takes it out again is one of those carried out.
describe.runIf(process.platform === 'linux')('what the Dockerfile makes, carried out without a container', () => {
  let image: ImageBuild;

  beforeAll(() => {
    image = new ImageBuild();
    return image.build();
  });

  afterAll(() => image[Symbol.asyncDispose]());

  it('has every step but those of apt-get carried out', () => {
    expect(image.ran.map((command) => command.split(' ').slice(0, 3).join(' '))).toEqual([
      'npm ci --omit=dev',
      'rm -rf node_modules/node-linux-*',
      'python3 -m venv',
      '.tools/dbt/bin/python -m pip',
      '.tools/dbt/bin/python -m pip',
      '.tools/dbt/bin/python -m compileall',
      'mkdir --mode=0750 /data',
      'chown 10001:10001 /data',
    ]);
  });

  it('can be read and not be written by whoever runs it', async () => {
    expect((await image.run('touch', '/app/x')).code).not.toBe(0);
    expect((await image.run('touch', '/app/.tools/dbt/x')).code).not.toBe(0);
    expect((await image.run('touch', '/data/x')).code).toBe(0);
  });

  it('runs the command line', async () => {
    expect(await image.run('node', 'cli.ts', '--help')).toMatchObject({
      code: 0,
      output: expect.stringContaining('usage:'),
    });
    expect(await image.run('node', 'cli.ts', 'status', '--help')).toMatchObject({
      code: 0,
      output: expect.stringContaining('usage: status'),
    });
  });

  it('runs dbt, which reads the project and writes below /data alone', async () => {
    expect(await image.run('.tools/dbt/bin/dbt', '--version')).toMatchObject({
      code: 0,
      output: expect.stringContaining('1.11.16'),
    });
    const parse = await image.run(
      ...[
        'env',
        'DUCKDB_PATH=/data/tmdb.duckdb',
        '.tools/dbt/bin/dbt',
        'parse',
        '--project-dir',
        '/app/dbt',
        '--profiles-dir',
        '/app/dbt',
      ],
      ...['--target-path', '/data/dbt/target', '--log-path', '/data/dbt/logs'],
    );
    expect(parse, parse.output).toMatchObject({ code: 0 });
  });

  it('holds no development tool, no second Node and no way to install more', async () => {
    for (const file of [
      'node_modules/vitest',
      'node_modules/typescript',
      'node_modules/.bin/node',
      '.tools/dbt/bin/pip',
      '.tools/kafka',
    ]) {
      expect((await image.run('test', '-e', `/app/${file}`)).code, file).toBe(1);
    }
  });
});
