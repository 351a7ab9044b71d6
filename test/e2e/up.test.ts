import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Sandbox, startSandbox } from '../../sandbox/server.ts';
import { fencedCommands, sectionOf } from '../support/deploy/documented.ts';
import { formatByCopy } from '../support/kafka/formatted-folder.ts';
import { Workspace } from '../support/processes/cli.ts';
import { Fleet, type Service, until } from '../support/processes/fleet.ts';

const movies = 40;
const limit = { capacity: 20, windowMs: 1_000 };
const patience = { timeoutMs: 60_000 };

/** The commands of docs/services.md, as arguments. Other files run them through npx; here the order shows that any order works. */
const documented = fencedCommands(sectionOf('docs/services.md', 'Run as services')).map((command) =>
  command.split(' ').slice(2),
);
const byDocs = (...words: string[]): string[] => {
  const args = documented.find((given) => words.every((word, index) => given[index] === word));
  if (!args) throw new Error(`docs/services.md has no "${words.join(' ')}"`);
  return args;
};

describe('stages beside `up`, by docs/services.md', () => {
  let workspace: Workspace;
  let sandbox: Sandbox;
  let fleet: Fleet;
  let fetcher: Service;
  let loader: Service;
  let up: Service;

  const fetched = () => fetcher.metric('tmdb_movies_total');
  const loaded = () => loader.metric('tmdb_bronze_rows_total');

  beforeAll(async () => {
    workspace = new Workspace();
    sandbox = await startSandbox({ movies, limit });
    mkdirSync(join(workspace.dataDir, 'kafka'));
    formatByCopy(join(workspace.dataDir, 'kafka'));
    fleet = new Fleet({
      ...{ DATA_DIR: workspace.dataDir, TMDB_BASE_URL: sandbox.url, TMDB_TOKEN: 'made-up' },
      ...{ TMDB_RATE_LIMIT: '20/1s', KAFKA_SESSION_TIMEOUT: '1s', LOAD_MAX_AGE: '500ms' },
    });
  });
  afterAll(async () => {
    await fleet?.[Symbol.asyncDispose]();
    await sandbox?.[Symbol.asyncDispose]();
    workspace?.[Symbol.dispose]();
  });

  it('[R118] wait for it, report it, and are not ready', async () => {
    fetcher = fleet.start('fetch', byDocs('fetch'));
    await until('it says what it waits for', () => saysThatItWaits(fetcher), patience);
    const { status, text } = await fetcher.get('/readyz');
    expect(status).toBe(503);
    expect(text).toContain('not connected yet');
  });

  it('[R118] join it in any order, and share its rate limit', async () => {
    loader = fleet.start('load', byDocs('load'));
    up = fleet.start('up', byDocs('up'));
    fleet.start('popular', byDocs('produce', 'popular'));
    await until('each movie is in BRONZE', async () => (await loaded()) === movies, patience);
    expect(up.noise.join('\n')).toContain(`DATA_DIR=${workspace.dataDir}`);
    expect(sandbox.stats().byStatus['429']).toBeUndefined();
  });

  it('[R118] wait while it is down after a kill, and continue with the new one', async () => {
    up.kill('SIGKILL');
    const isReady = async () => (await fetcher.get('/readyz')).status === 200;
    await until('the fetcher is not ready', async () => !(await isReady()), patience);
    up = fleet.start('up', byDocs('up'));
    await until('the fetcher is ready', isReady, patience);
    // Publishes the ids again without a request to TMDb.
    const replay = fleet.start('replay', ['replay', 'ids', '--all']);
    expect(await replay.exited, replay.tail()).toBe(0);
    await until('each movie is fetched again', async () => (await fetched()) === 2 * movies, patience);
    await until('and in BRONZE again', async () => (await loaded()) === 2 * movies, patience);
    expect(sandbox.stats().byStatus['429']).toBeUndefined();
    expect(sandbox.stats().byStatus['200']).toBeGreaterThanOrEqual(2 * movies);
  });

  it('drain, and `up` ends with exit code 0', async () => {
    const stages = fleet.running.filter((service) => service !== up);
    for (const stage of stages) stage.kill('SIGTERM');
    for (const stage of stages) expect(await stage.exited, stage.tail()).toBe(0);
    up.kill('SIGTERM');
    expect(await up.exited, up.tail()).toBe(0);
  });
});

const saysThatItWaits = ({ lines }: Service): boolean =>
  lines.some(({ msg }) => msg?.startsWith('waiting for "tmdb-stream up"'));
