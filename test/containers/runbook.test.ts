import { appendFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { attempt, run } from '../support/containers/command.ts';
import { Fleet, until } from '../support/containers/fleet.ts';
import { image } from '../support/containers/images.ts';
import { commandOf, onCall } from '../support/deploy/on-call.ts';
import { read } from '../support/deploy/project.ts';

const project = 'tmdb-runbook';
const start = 'docker compose --env-file deploy/sandbox.env --profile sandbox up -d --build --wait';

/** A small catalogue and frequent builds, so that GOLD exists within a minute. Set in the shell, which takes precedence over files. */
const small = { COMPOSE_PROJECT_NAME: project, SANDBOX_MOVIES: '120', TRANSFORM_SCHEDULE: '*/10 * * * * *' };

/** The runbook's section on containers. */
const [, section = ''] = /\n## In containers\n([\s\S]*?)\n## /.exec(read('docs/runbook.md')) ?? [];

/** Every command of that section. */
const commands = [...section.replace(/\s+/g, ' ').matchAll(/`(docker [^`]+)`/g)].map(([, command = '']) => command);

/** The commands that this file has run. */
const executed = new Set<string>();

describe('the fleet, by the docs on services and the runbook', () => {
  let fleet: Fleet;

  /** Runs a command from the runbook, with names in place of its words in capitals. */
  function follow(command: string, names: Readonly<Record<string, string>> = {}): Promise<string> {
    expect(commands).toContain(command);
    executed.add(command);
    const line = Object.entries(names).reduce((text, [word, name]) => text.replaceAll(word, name), command);
    return fleet.must(line.replaceAll('tmdb-stream_', `${project}_`));
  }

  /** Repeats a status command until it shows `text`: while another container holds the DuckDB file, a part can be missing. */
  const statusShows = (text: string, command: string, names: Readonly<Record<string, string>>) =>
    until(`status shows ${text}`, 120_000, async () => {
      const status = await follow(command, names);
      return status.includes(text) || status;
    });

  const created = (...services: readonly string[]) => fleet.inspect('{{.Id}}', ...services);
  const setting = (line: string) => appendFileSync(join(fleet.folder, 'deploy/sandbox.env'), `${line}\n`);

  beforeAll(() => {
    fleet = new Fleet(small);
  });

  afterAll(() => fleet[Symbol.asyncDispose]());

  it('starts, and every container becomes healthy', async () => {
    expect(read('docs/services.md')).toContain(start);
    await follow(start);
    await fleet.untilHealthy(1_000);
    expect(new Set(await fleet.inspect('{{.Image}}', 'fetcher', 'loader', 'scheduler', 'producer-popular')).size).toBe(
      1,
    );
  });

  it('recreates nothing when the same command runs again', async () => {
    const before = await created();
    await fleet.must(start);
    expect(await created()).toEqual(before);
  });

  it('[S7] gives each container the rights and the limits of its file', async () => {
    const states = await fleet.inspect(
      '{{.Name}} {{.Config.User}} {{.HostConfig.ReadonlyRootfs}} {{.HostConfig.CapDrop}} {{.HostConfig.Memory}}',
    );
    for (const state of states) expect(state).toMatch(/^\S+ [1-9]\d*:[1-9]\d* true \[ALL\] [1-9]\d+$/);
    const limits = await fleet.must(
      `docker compose exec -T loader sh -c 'ulimit -c; touch /app/x 2>&1; df -m /tmp | tail -1'`,
    );
    expect(limits).toMatch(/^0\n.*Read-only file system\n\S+ +64 /);
    expect((await fleet.inspect('{{json .NetworkSettings.Ports}}')).join()).not.toMatch(/HostPort/);
    const outside = await fleet.command(
      `docker compose exec -T loader node -e "fetch('http://1.1.1.1', { signal: AbortSignal.timeout(3000) })"`,
    );
    expect(outside.code).not.toBe(0);
  });

  it('knows the memory of its container', async () => {
    const limit = `import('/app/warehouse/duckdb/memory-limit.ts').then(({ memoryLimit }) => console.log(memoryLimit(9000)))`;
    expect((await fleet.must(`docker compose exec -T loader node -e "${limit}"`)).trim()).toBe('536MB');
  });

  it('shows its status, and builds GOLD', async () => {
    const command = 'docker compose exec loader node cli.ts status';
    await statusShows('last dbt run', command, { 'exec loader': 'exec -T loader' });
    await fleet.untilDrained();
    await fleet.untilBuilt();
  });

  it('passes doctor, with a volume and without', async () => {
    for (const service of ['loader', 'fetcher']) {
      const found = await follow('docker compose exec SERVICE node cli.ts doctor', {
        'exec SERVICE': `exec -T ${service}`,
      });
      expect(found, service).not.toContain('WRONG');
    }
  });

  it.each(['loader', 'fetcher'])('replays ids from the container of the %s', async (service) => {
    const said = await follow('docker compose exec loader node cli.ts replay ids --since 1h', {
      'exec loader': `exec -T ${service}`,
    });
    expect(said).toMatch(/published [1-9]\d* ids/);
  });

  it('drains when it is stopped', async () => {
    await follow('docker compose stop SERVICE', { SERVICE: 'fetcher' });
    expect(await fleet.inspect('{{.State.ExitCode}} {{.State.OOMKilled}}', 'fetcher')).toEqual(['0 false', '0 false']);
    await follow('docker compose stop producer-popular producer-genres');
    await fleet.must('docker compose stop loader');
    await statusShows('tmdb.raw-movies', 'docker compose run --rm loader status', { 'run --rm': 'run -T --rm' });
    await fleet.must('docker compose up -d --wait');
  });

  it('restarts', async () => {
    await follow('docker compose restart SERVICE', { SERVICE: 'loader' });
    await fleet.untilHealthy();
  });

  /** The steps of a trouble in the section "On call", as literally as a script can: `-T`, because it has no terminal. */
  async function followOnCall(title: string): Promise<string[]> {
    const outputs: string[] = [];
    for (const { cells } of onCall().find((trouble) => trouble.title === title)?.steps ?? []) {
      const command = commandOf(cells['in containers']);
      if (command) outputs.push(await fleet.must(command.replace(' exec ', ' exec -T ')));
    }
    return outputs;
  }

  it.each([
    ['Kafka is unavailable', 'kafka'],
    ['The token store is unavailable', 'valkey'],
  ])('ends "%s" by its steps', async (title, service) => {
    await fleet.must(`docker compose kill ${service}`);
    const outputs = await followOnCall(title);
    expect(outputs.at(-1)).toContain('last dbt run');
    await fleet.untilHealthy();
    await fleet.work();
    await fleet.untilDrained();
  });

  it('ends "Movies are parked" when a person follows its steps', async () => {
    await fleet.setFaults([{ kind: 'wrong-id', path: '/movie/{id}', times: 3 }]);
    await fleet.work();
    await fleet.untilDrained();
    await fleet.setFaults([]);
    const outputs = await followOnCall('Movies are parked');
    expect(outputs[0]).toMatch(/[1-9]\d* open/);
    expect(outputs.at(-1)).toBe('no open letter matches\n');
  });

  it('runs FETCHERS fetchers, and keeps them at the next command', async () => {
    setting('FETCHERS=3');
    await follow('docker compose up -d --wait');
    expect(await fleet.containers('fetcher')).toHaveLength(3);
    await fleet.must('docker compose up -d --wait');
    expect(await fleet.containers('fetcher')).toHaveLength(3);
  });

  it('uses the limit of its settings, and keeps it at the next command', async () => {
    await fleet.untilDrained();
    setting('TMDB_RATE_LIMIT=30/10s');
    await fleet.must('docker compose up -d --wait');
    await fleet.must('docker compose up -d --wait');
    const limits = await fleet.inspect('{{range .Config.Env}}{{println .}}{{end}}', 'fetcher', 'loader', 'sandbox');
    expect(limits.filter((line) => line.startsWith('TMDB_RATE_LIMIT='))).toEqual(
      Array(5).fill('TMDB_RATE_LIMIT=30/10s'),
    );
    expect((await fleet.sandboxStats()).byStatus['429']).toBeUndefined();
  });

  it('uses the new token after a rotation', async () => {
    const file = join(fleet.folder, 'deploy/sandbox-token');
    writeFileSync(file, 'another-token\n');
    await follow('docker compose up -d --force-recreate --no-deps fetcher producer-popular producer-genres');
    expect(await fleet.must('docker compose exec -T fetcher cat /run/secrets/tmdb_token')).toBe('another-token\n');
  });

  it('copies GOLD as a file', async () => {
    await fleet.untilBuilt();
    await follow('docker compose cp scheduler:/data/tmdb_gold.duckdb .');
    expect(readFileSync(join(fleet.folder, 'tmdb_gold.duckdb')).subarray(8, 12).toString()).toBe('DUCK');
  });

  it('loads BRONZE again from Kafka when the warehouse was deleted', async () => {
    const rawRecords = async () => {
      const { topics } = await fleet.status();
      const raw = topics.filter(({ topic }) => topic.startsWith('tmdb.raw-'));
      return raw.reduce((sum, { records }) => sum + records, 0);
    };
    await fleet.untilDrained();
    const records = await rawRecords();
    await follow('docker compose rm --stop --force loader scheduler');
    await follow('docker volume rm tmdb-stream_warehouse');
    await fleet.must('docker compose up -d --wait');
    await fleet.untilDrained();
    expect((await fleet.status()).layers.find(({ layer }) => layer === 'bronze')?.rowsLoaded).toBe(records);
    // No movie was requested: its answer would be an additional record.
    expect(await rawRecords()).toBe(records);
  });

  it('leaves nothing behind when it starts over', async () => {
    await fleet.must('docker compose --profile monitoring up -d --wait');
    await follow('docker compose --profile sandbox --profile monitoring down --volumes');
    const label = `label=com.docker.compose.project=${project}`;
    for (const what of [
      ['ps', '--all'],
      ['volume', 'ls'],
      ['network', 'ls'],
    ]) {
      expect(await run('docker', [...what, '--quiet', '--filter', label])).toBe('');
    }
    expect((await attempt('docker', ['image', 'inspect', image])).code).toBe(0);
    expect(existsSync(join(fleet.folder, 'deploy/secrets'))).toBe(false);
  });

  it('has run every command of the section', () => {
    const needsToken = 'docker compose up -d --build --wait';
    const other = commands.filter((command) => !executed.has(command) && command !== needsToken);
    expect(other).toEqual([]);
  });
});
