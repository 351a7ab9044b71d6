import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { DuckDBInstance } from '@duckdb/node-api';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { secretNames } from '../../platform/settings.ts';
import { echoingBroker } from '../support/kafka/echoing-broker.ts';
import { type Outcome, outcomeOf, Workspace } from '../support/processes/cli.ts';
import { FleetBroker, until } from '../support/processes/fleet.ts';
import { programsBelow } from '../support/processes/process-tree.ts';
import { echoes, echoingLogin, echoingRedis, echoingSnowflake, echoingTmdb } from '../support/tmdb/echoing-servers.ts';
import { isLongForm } from '../tiers.ts';

/** A value for each setting that the configuration lists as a secret. A new secret is included automatically. */
const canaries = new Map(secretNames.map((name) => [name, `canary+${randomBytes(12).toString('hex')}/${name.length}`]));
const isUrl = (name: string) => /_(?:URL|PROXY)$/.test(name);

/** Of logins that a local broker or a login with a password excludes. They have tests of their own at the end. */
const otherLogins = {
  tokenServer: ['KAFKA_OAUTH_CLIENT_SECRET'],
  registry: ['SCHEMA_REGISTRY_PASSWORD'],
  certificate: ['KAFKA_CLIENT_CERT', 'KAFKA_CLIENT_KEY'],
};
const ofOtherLogins = new Set(Object.values(otherLogins).flat());

/** @param redis a port of loopback. */
const environmentWith = (redis: number): Record<string, string> => ({
  KAFKA_USERNAME: 'canary-user',
  ...Object.fromEntries(
    [...canaries]
      .filter(([name]) => !ofOtherLogins.has(name))
      .map(([name, canary]) => [
        name,
        isUrl(name)
          ? `${name.endsWith('PROXY') ? 'http' : 'redis'}://me:${encodeURIComponent(canary)}@127.0.0.1:${redis}`
          : canary,
      ]),
  ),
});

/** The settings whose value, or a fragment of it in any form, is in a text. */
function leaksIn(text: string): string[] {
  return [...canaries].flatMap(([name, canary]) => {
    const inBase64 = [0, 1, 2].map((before) =>
      Buffer.from(`${'x'.repeat(before)}${canary}`)
        .toString('base64')
        .slice(before + 2, -6),
    );
    const fragments = Array.from({ length: canary.length - 11 }, (_, at) => canary.slice(at, at + 12));
    return [...fragments, encodeURIComponent(canary), ...inBase64].some((form) => text.includes(form)) ? [name] : [];
  });
}

const steering = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u;
const isPlain = (text: string) => text.split('\n').every((line) => !steering.test(line));

function expectClean({ stdout, stderr }: Outcome): void {
  for (const text of [stdout, stderr]) {
    expect(leaksIn(text), text).toEqual([]);
    expect(isPlain(text), text).toBe(true);
  }
}

describe('a secret that a server sends back in every answer', () => {
  let tmdb: Awaited<ReturnType<typeof echoingTmdb>>;
  let workspace: Workspace;
  const servers: AsyncDisposable[] = [];

  beforeAll(async () => {
    tmdb = await echoingTmdb();
    servers.push(tmdb);
    workspace = new Workspace({ TMDB_RATE_LIMIT: '500/1s', LOG_LEVEL: 'trace' });
  });
  afterAll(async () => {
    workspace[Symbol.dispose]();
    for (const server of servers) await server[Symbol.asyncDispose]();
  });

  /** The secrets, except that of the token bucket, which would need a server. */
  const environment = (): Record<string, string> => {
    const { TOKEN_BUCKET_URL: _, ...rest } = environmentWith(9);
    return { ...rest, TMDB_BASE_URL: `http://127.0.0.1:${tmdb.port}` };
  };

  it('is detected in every form', () => {
    for (const [name, canary] of canaries) {
      for (const form of [
        canary,
        canary.slice(3, 18),
        encodeURIComponent(canary),
        Buffer.from(`ab ${canary} c`).toString('base64'),
      ]) {
        expect(leaksIn(`x ${form} y`)).toContain(name);
      }
    }
    expect(leaksIn('nothing of it')).toEqual([]);
    expect(canaries.size).toBeGreaterThanOrEqual(10);
  });

  it('[R111] is in no output, log, dead letter, process, table or file of a run', {
    tags: ['full'],
    timeout: 300_000,
  }, async () => {
    const child = workspace.start(['run', '--once', '--pages', '1'], environment());
    const ended = outcomeOf(child);
    const leaks = new Set<string>();
    while (child.exitCode === null && child.signalCode === null) {
      for (const name of leaksIn(execFileSync('ps', ['axww', '-o', 'args'], { encoding: 'utf8' })))
        leaks.add(`ps: ${name}`);
      for (const program of programsBelow(child.pid ?? 0)) {
        for (const name of leaksIn(program.environment)) leaks.add(`${program.name}: ${name}`);
      }
      await delay(100);
    }
    const outcome = await ended;
    expect(outcome.code, outcome.stderr).toBe(0);
    expect([...leaks]).toEqual([]);
    expectClean(outcome);
    for (const line of outcome.stderr.split('\n').filter((text) => text.startsWith('{'))) JSON.parse(line);

    const listed = await workspace.run(['dead-letters', 'list', '--json'], environment());
    expectClean(listed);
    const { letters } = JSON.parse(listed.stdout) as { letters: { id: string; message: string }[] };
    expect(letters).toHaveLength(Object.keys(echoes).length);
    expectClean(await workspace.run(['dead-letters', 'show', letters[0]?.id ?? ''], environment()));

    for (const [file, text] of await tablesIn(workspace.dataDir)) expect(leaksIn(text), file).toEqual([]);
    const files = readdirSync(workspace.dataDir, { recursive: true, withFileTypes: true }).filter((file) =>
      file.isFile(),
    );
    const holders = files
      .map(({ parentPath, name }) => join(parentPath, name))
      .filter((file) => leaksIn(readFileSync(file, 'latin1')).length > 0);
    expect(holders).toEqual([]);
  });

  it('[R111] is not in the output of doctor, status or a service, which cannot control a terminal either', {
    tags: ['full'],
    timeout: 300_000,
  }, async () => {
    const [redis, snowflake] = [await echoingRedis(), await echoingSnowflake()];
    servers.push(redis, snowflake);
    const { SNOWFLAKE_PRIVATE_KEY: _, SNOWFLAKE_PRIVATE_KEY_PASSPHRASE: __, ...secrets } = environmentWith(redis.port);
    const hostile = {
      ...{ ...secrets, TMDB_BASE_URL: `http://127.0.0.1:${tmdb.port}`, TMDB_GIVE_UP_AFTER: '1s' },
      ...{ WAREHOUSE: 'snowflake', SNOWFLAKE_URL: `http://127.0.0.1:${snowflake.port}`, SNOWFLAKE_TIMEOUT: '3s' },
      ...{ SNOWFLAKE_ACCOUNT: 'echo', SNOWFLAKE_USER: 'u\u202e\u001b[2J', SNOWFLAKE_ALLOW_PASSWORD: 'true' },
    };
    // Each starts a broker.
    const more = isLongForm ? [['doctor', '--json'], ['status']] : [];
    for (const args of [['doctor'], ['status', '--json'], ...more]) {
      const outcome = await workspace.run(args, hostile);
      expectClean(outcome);
      expect(outcome.stdout, outcome.stderr).toMatch(/Snowflake/);
    }
    const service = workspace.start(['run'], { ...hostile, HTTP_LISTEN: '127.0.0.1:0' });
    const ended = outcomeOf(service);
    const said: string[] = [];
    service.stderr?.on('data', (data) => said.push(String(data)));
    const address = () => /"url":"(http:[^"]+)"/.exec(said.join(''))?.[1];
    const hasEnded = () => service.exitCode !== null;
    const isRefused = () => hasEnded() || (!!address() && /Snowflake/.test(said.join('')));
    await until('Snowflake has refused it', isRefused, { timeoutMs: 90_000 }).catch((error) => {
      throw new Error(said.join('').slice(-3_000), { cause: error });
    });
    for (const path of ['/readyz', '/healthz', '/metrics']) {
      const answer = await fetch(`${address()}${path}`)
        .then((response) => response.text())
        .catch(() => '');
      expect(leaksIn(answer), answer).toEqual([]);
      expect(isPlain(answer), answer).toBe(true);
    }
    service.kill('SIGTERM');
    expectClean(await ended);
  });
});

describe('a password of Kafka that the broker sends back', () => {
  it.each([['doctor', '--json'], ['topics'], ['load', '--once']])(
    '[R111] is not in the output of %s',
    async (...args) => {
      await using broker = await echoingBroker();
      using workspace = new Workspace({ KAFKA_BROKERS: `127.0.0.1:${broker.port}`, LOG_LEVEL: 'trace' });
      const login = {
        KAFKA_USERNAME: 'client',
        KAFKA_PASSWORD: canaries.get('KAFKA_PASSWORD') ?? '',
        KAFKA_SASL_MECHANISM: 'plain',
      };
      const outcome = await workspace.run(args, login);
      expect(outcome.code).not.toBe(0);
      expect(outcome.stdout + outcome.stderr).toMatch(/access denied for/);
      expectClean(outcome);
    },
  );
});

describe('a secret for another login', () => {
  const secretsOf = (names: readonly string[]) =>
    Object.fromEntries(names.map((name) => [name, canaries.get(name) ?? '']));

  /** Runs a command that the login stops. */
  async function expectRefused(settings: Record<string, string>, args: readonly string[], said: RegExp): Promise<void> {
    using refused = new Workspace({ LOG_LEVEL: 'trace' });
    const outcome = await refused.run(args, settings);
    expect(outcome.code).not.toBe(0);
    expect(outcome.stdout + outcome.stderr).toMatch(said);
    expectClean(outcome);
  }

  it('[R111] is not in the output if the token server sends it back', async () => {
    await using server = await echoingLogin();
    await using broker = await echoingBroker();
    const settings = {
      ...{ KAFKA_BROKERS: `127.0.0.1:${broker.port}`, KAFKA_SASL_MECHANISM: 'oauthbearer' },
      ...{ KAFKA_OAUTH_TOKEN_URL: `http://127.0.0.1:${server.port}/token`, KAFKA_OAUTH_CLIENT_ID: 'client' },
      ...secretsOf(otherLogins.tokenServer),
    };
    for (const args of [['doctor', '--json'], ['topics']]) await expectRefused(settings, args, /answered 401/);
    expect(server.seen.filter((request) => request.includes('/token Basic ')).length).toBeGreaterThan(1);
  });

  it('[R111] is not in the output if the schema registry sends it back', async () => {
    await using server = await echoingLogin();
    using kafka = new Workspace();
    await using broker = await FleetBroker.start(join(kafka.dataDir, 'kafka'));
    const settings = {
      ...{ KAFKA_BROKERS: broker.address, SCHEMA_REGISTRY_URL: `http://127.0.0.1:${server.port}` },
      ...{ SCHEMA_REGISTRY_USERNAME: 'client', ...secretsOf(otherLogins.registry) },
    };
    await expectRefused(settings, ['produce', 'popular', '--pages', '1'], /answered 401/);
    expect(server.seen).toContainEqual(expect.stringContaining(' Basic '));
  });

  it('[R111] is not in the output if it is no certificate', () =>
    expectRefused(
      { KAFKA_BROKERS: '127.0.0.1:9', KAFKA_SSL: 'true', ...secretsOf(otherLogins.certificate) },
      ['topics'],
      /KAFKA_CLIENT_CERT[\s\S]*KAFKA_CLIENT_KEY/,
    ));
});

/** All rows of each DuckDB file below a folder, as text. */
async function tablesIn(folder: string): Promise<[file: string, rows: string][]> {
  const found: [string, string][] = [];
  for (const file of readdirSync(folder).filter((name) => name.endsWith('.duckdb'))) {
    const instance = await DuckDBInstance.create(join(folder, file), { access_mode: 'READ_ONLY' });
    const connection = await instance.connect();
    const tables = await connection.runAndReadAll(
      "select table_schema, table_name from information_schema.tables where table_schema in ('bronze', 'silver', 'gold')",
    );
    for (const [schema, table] of tables.getRows()) {
      const rows = await connection.runAndReadAll(`select to_json(t)::varchar from "${schema}"."${table}" t`);
      found.push([`${file} ${schema}.${table}`, rows.getRows().join('\n')]);
    }
    connection.closeSync();
    instance.closeSync();
  }
  return found;
}
