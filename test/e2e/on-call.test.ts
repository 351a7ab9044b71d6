import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { brokerOwner } from '../../kafka/broker/claim.ts';
import { systemClock } from '../../runtime/clock.ts';
import { type Sandbox, startSandbox } from '../../sandbox/server.ts';
import { openDuckDbFile } from '../../warehouse/duckdb/file.ts';
import { commandOf, onCall } from '../support/deploy/on-call.ts';
import { deleteRecords } from '../support/kafka/broker.ts';
import { plainClient } from '../support/kafka/client.ts';
import { until } from '../support/processes/fleet.ts';
import { ProjectCopy } from '../support/processes/project-copy.ts';
import { Shell } from '../support/processes/shell.ts';
import { SmallDisk } from '../support/warehouse/warehouse-disk.ts';

/**
 * Eight troubles, caused for real among processes in terminals. Each one is ended only by the commands in the runbook's section
 * "On call", column "in terminals", which are read from the page and run literally.
 */

const up = 'npx tmdb-stream up';
const fetch = 'npx tmdb-stream fetch';
const load = 'npx tmdb-stream load';
const schedule = 'npx tmdb-stream schedule';
const services = [up, fetch, load, schedule];

const movies = 20;
const limit = { capacity: 100, windowMs: 1_000 };
const patience = { timeoutMs: 120_000 };
/** The longest time that an engineer on call should need. */
const mostSeconds = 180;

describe.runIf(SmallDisk.isPossible())('on call', () => {
  let disk: SmallDisk;
  let dataDir: string;
  let sandbox: Sandbox;
  let project: ProjectCopy;
  let shell: Shell;
  const took: string[] = [];

  const duckdbFile = () => join(dataDir, 'tmdb.duckdb');
  const said = (command: string) => shell.current(command).output();

  beforeAll(async () => {
    disk = new SmallDisk(400);
    dataDir = join(disk.path, 'data');
    mkdirSync(dataDir);
    sandbox = await startSandbox({ movies, limit, token: 'first-token' });
    project = new ProjectCopy({
      ...{ DATA_DIR: dataDir, TMDB_BASE_URL: sandbox.url, TMDB_TOKEN: 'first-token', TMDB_RATE_LIMIT: '100/1s' },
      ...{ KAFKA_PARTITIONS: '1', LOAD_MAX_AGE: '1s', TRANSFORM_SCHEDULE: '*/5 * * * * *' },
    });
    const editor = join(project.folder, 'editor');
    writeFileSync(editor, ['#!/bin/sh', `sed -i 's/first-token/second-token/' "$1"`].join('\n'), { mode: 0o755 });
    shell = new Shell(project.folder, { EDITOR: editor });
    for (const service of services) shell.start(service);
    const produced = await shell.run('npx tmdb-stream produce popular --pages 1');
    expect(produced.code, produced.output).toBe(0);
    await until('GOLD is there', () => existsSync(join(dataDir, 'tmdb_gold.duckdb')), patience);
  });

  afterAll(async () => {
    process.stdout.write(`\n${took.join('\n')}\n`);
    await shell?.[Symbol.asyncDispose]();
    await sandbox?.[Symbol.asyncDispose]();
    project?.[Symbol.dispose]();
    disk?.[Symbol.dispose]();
  });

  interface Topic {
    readonly topic: string;
    readonly records: number;
    /** null while BRONZE cannot be read. */
    readonly waiting: number | null;
  }

  interface Rows {
    /** null while Kafka cannot be read. */
    readonly topics: readonly Topic[] | null;
  }

  const topicsNow = async (): Promise<readonly Topic[]> => {
    const { output } = await shell.run('npx tmdb-stream status --json 2>/dev/null');
    return (JSON.parse(output) as Rows).topics ?? [];
  };

  /** Checks that everything works: each movie is fetched again and loaded. */
  async function worksAgain(): Promise<void> {
    const rawRecords = async () => (await topicsNow()).find(({ topic }) => topic === 'tmdb.raw-movies');
    const before = (await rawRecords())?.records ?? 0;
    const replayed = await shell.run('npx tmdb-stream replay ids --all');
    expect(replayed.code, replayed.output).toBe(0);
    await until(
      'each movie is in BRONZE once more',
      async () => {
        const now = await rawRecords();
        return now !== undefined && now.records >= before + movies && now.waiting === 0;
      },
      { ...patience, pollMs: 500 },
    );
  }

  /** Finds the values of the words in capitals in the output of earlier steps, as a reader does. */
  type Values = Readonly<Record<string, (shown: string) => string | undefined>>;

  /** Follows the steps of a trouble, and checks that it has ended within three minutes. */
  async function follow(title: string, untilEnded: () => Promise<unknown>, values: Values = {}): Promise<void> {
    const trouble = onCall().find((one) => one.title === title);
    if (!trouble) throw new Error(`the runbook has no "${title}"`);
    took.push(title);
    const started = performance.now();
    const seconds = (since: number) => (performance.now() - since) / 1_000;
    const note = (what: string, since: number) => took.push(`  ${seconds(since).toFixed(1).padStart(5)} s  ${what}`);
    let shown = '';
    const steps = trouble.steps.map(({ cells }) => cells['in terminals']);
    for (const [index, cell] of steps.entries()) {
      const begun = performance.now();
      const literal = commandOf(cell);
      if (cell.startsWith('Ctrl-C')) {
        const next = commandOf(steps[index + 1] ?? '') ?? '';
        expect(await shell.interrupt(next)).toContain('"drained":true');
        note(`Ctrl-C: ${next}`, begun);
      }
      if (literal === undefined) continue;
      const command = fill(literal, { DATA_DIR: () => dataDir, ...values }, shown);
      if (services.includes(command)) {
        if (!isUp(command)) shell.start(command);
      } else {
        const isLast = index === steps.length - 1;
        shown += isLast ? await check(command, started) : (await shell.run(command)).output;
      }
      note(command, begun);
    }
    await untilEnded();
    note('in all', started);
    expect(seconds(started)).toBeLessThan(mostSeconds);
  }

  /** Repeats the last step while it names a process of ours that has the DuckDB file, as the runbook says. @returns what it prints. */
  async function check(command: string, started: number): Promise<string> {
    for (;;) {
      const { code, output } = await shell.run(command);
      const isBusy = /(?:is in use by|is open in|is held by|waits for) .*(?:tmdb-stream|dbt)/.test(output);
      if (code === 0 || !isBusy || performance.now() - started > mostSeconds * 1_000) {
        expect(code, output).toBe(0);
        return output;
      }
    }
  }

  const isUp = (command: string): boolean => {
    try {
      return shell.current(command) !== undefined;
    } catch {
      return false;
    }
  };

  /** Causes a trouble, and waits until `up` has ended because one of its servers did. */
  const endUp = async (why: string, cause: () => unknown) => {
    // It may end before the cause returns.
    const running = shell.current(up);
    await cause();
    expect(await running.exited).toBe(1);
    expect(running.output()).toContain(why);
  };

  it('Kafka is unavailable', async () => {
    const { broker } = JSON.parse(readFileSync(join(dataDir, 'kafka/broker.json'), 'utf8'));
    await endUp('the local Kafka broker has ended', () => process.kill(broker.pid, 'SIGKILL'));
    await until('the fetcher says so', () => said(fetch).includes('Kafka is out of reach'), patience);
    await follow('Kafka is unavailable', worksAgain);
  });

  it('the token store is unavailable', async () => {
    const [, pid] = /^(\d+):/.exec(readFileSync(join(dataDir, 'token-store/store.log'), 'utf8')) ?? [];
    await endUp('the local token store has ended', () => process.kill(Number(pid), 'SIGKILL'));
    await follow('The token store is unavailable', worksAgain);
  });

  it('TMDb refuses the token', async () => {
    const { port } = sandbox;
    await sandbox[Symbol.asyncDispose]();
    sandbox = await startSandbox({ movies, limit, token: 'second-token', port });
    await shell.run('npx tmdb-stream replay ids --all');
    await until('the fetcher says so', () => said(fetch).includes('refused'), patience);
    await follow('TMDb refuses the token', worksAgain);
  });

  it('another program has the DuckDB file', async () => {
    const holder = await holdFile(duckdbFile());
    await shell.run('npx tmdb-stream replay ids --all');
    await until('the loader says so', () => said(load).includes(`(pid ${holder.pid})`), patience);
    try {
      // Of the last program that the message names.
      const pid = (shown: string) => /^.*\(pid (\d+)\)/m.exec(shown)?.[1];
      await follow('Another program has the DuckDB file', worksAgain, { N: pid });
      expect(holder.signalCode).toBe('SIGTERM');
    } finally {
      holder.kill('SIGKILL');
    }
  });

  it('the disk is full', async () => {
    const ballast = join(dataDir, 'core.4711');
    await endUp('has ended', async () => {
      fillDisk(ballast);
      await shell.run('npx tmdb-stream replay ids --all');
    });
    const largest = (shown: string) =>
      [...shown.matchAll(/^\S+\t(.*)$/gm)]
        .map(([, path = '']) => path)
        .findLast((path) => !/kafka|\.duckdb/.test(path) && statSync(path).isFile());
    await follow('The disk is full', worksAgain, { FILE: largest });
    expect(existsSync(ballast)).toBe(false);
  });

  it('movies are parked', async () => {
    sandbox.setFaults([{ kind: 'wrong-id', path: '/movie/{id}', times: 3 }]);
    await shell.run('npx tmdb-stream replay ids --all');
    await until('movies are parked', async () => (await openLetters()) > 0, { ...patience, pollMs: 500 });
    sandbox.setFaults([]);
    await follow('Movies are parked', async () => expect(await openLetters()).toBe(0));
    await worksAgain();
  });

  const openLetters = async (): Promise<number> => {
    const { output } = await shell.run('npx tmdb-stream dead-letters list --json 2>/dev/null');
    return (JSON.parse(output) as { readonly letters: readonly unknown[] }).letters.length;
  };

  it('Kafka lost records that were never loaded', async () => {
    expect(await shell.interrupt(load)).toContain('"drained":true');
    const before = (await topicsNow()).find(({ topic }) => topic === 'tmdb.raw-movies')?.records ?? 0;
    await shell.run('npx tmdb-stream replay ids --all');
    const isFetched = async () =>
      (await topicsNow()).some(({ topic, records }) => topic === 'tmdb.raw-movies' && records >= before + movies);
    await until('each movie is fetched', isFetched, { ...patience, pollMs: 500 });
    const access = brokerOwner(join(dataDir, 'kafka'))?.access;
    await deleteRecords(plainClient(access?.brokers ?? [], access?.sasl), 'tmdb.raw-movies', '-1');
    const failed = shell.start(load);
    expect(await failed.exited, failed.output()).toBe(1);
    const range = () => /--accept-gap ([\w./-]+\d)/.exec(failed.output())?.[1];
    await follow('Kafka lost records that were never loaded', worksAgain, { RANGE: range });
  });

  it('a dbt test fails', async () => {
    // A person changes the table without dbt: the test `unique` of silver_movies finds it.
    {
      await using file = await openDuckDbFile({ path: duckdbFile(), lockWaitMs: 60_000, clock: systemClock });
      await file.connection.run('insert into silver.silver_movies select * from silver.silver_movies limit 1');
    }
    await shell.run('npx tmdb-stream replay ids --all');
    await until('a run of dbt has failed', () => said(schedule).includes('dbt failed'), patience);
    const isWell = async () => {
      const { output } = await shell.run('npx tmdb-stream status');
      expect(output).not.toContain('failed in the last dbt run');
    };
    await follow('A dbt test or model fails', isWell);
  });
});

/** Replaces words in capitals. @throws Error if a value is not in what was shown. */
function fill(command: string, values: Readonly<Record<string, (shown: string) => string | undefined>>, shown: string) {
  return command.replaceAll(/(?<![\w$.{])[A-Z][A-Z_]*(?![\w:}=])/g, (word) => {
    const value = values[word]?.(shown);
    if (value === undefined) throw new Error(`${command}: no ${word} in\n${shown}`);
    return value;
  });
}

/** A file that leaves no space on its disk. */
function fillDisk(file: string): void {
  const chunk = Buffer.alloc(1_000_000);
  try {
    for (;;) writeFileSync(file, chunk, { flag: 'a' });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
  }
}

/** A program of another project that keeps the DuckDB file open. */
async function holdFile(file: string): Promise<ChildProcess> {
  const script = `
    import { DuckDBInstance } from '@duckdb/node-api';
    for (;;) {
      try {
        globalThis.held = await DuckDBInstance.create(${JSON.stringify(file)});
        break;
      } catch {
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    }
    console.log('open');
    setInterval(() => {}, 1_000);`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
    cwd: join(import.meta.dirname, '../..'),
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  child.stdout.on('data', (data) => {
    output += data;
  });
  await until('it has the file', () => output.includes('open'), patience);
  return child;
}
