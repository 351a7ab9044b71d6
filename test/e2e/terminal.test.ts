import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { outcomeOf, Workspace } from '../support/processes/cli.ts';
import { compileCache } from '../support/processes/compile-cache.ts';
import {
  appearedAt,
  rowsOf,
  runInTerminal,
  type TerminalOptions,
  type Transcript,
  textOf,
  tooWide,
} from '../support/terminal/terminal.ts';
import { casesOf } from '../tiers.ts';

const root = join(import.meta.dirname, '../..');
const cli = [process.execPath, join(root, 'cli.ts')];
const { PATH = '', HOME = '' } = process.env;

let workspace: Workspace;
beforeEach(() => {
  workspace = new Workspace();
});
afterEach(() => workspace[Symbol.dispose]());

type Terminal = Pick<TerminalOptions, 'columns' | 'onText'> & { readonly env?: Readonly<Record<string, string>> };

/** Selects the sandbox, even if the project's `.env` has a token. */
const settings = () => ({ DATA_DIR: workspace.dataDir, TMDB_RATE_LIMIT: '200/1s', TMDB_TOKEN: '', TMDB_API_KEY: '' });

/** Runs a command line in a terminal, on the workspace, in the project's folder as a user would. */
const inTerminal = (command: readonly string[], { env = {}, ...terminal }: Terminal): Promise<Transcript> =>
  runInTerminal(command, { ...terminal, cwd: root, env: { PATH, HOME, ...compileCache, ...settings(), ...env } });

const sequence = '\u001b[';
/** A sequence that sets a color or a weight. Others move the cursor or clear the row, as npm does when it ends. */
const color = new RegExp(`${sequence.replace('[', '\\[')}[\\d;]*m`);

describe('a command in a terminal', () => {
  it.each(casesOf([40, 80, 200]))(
    'of %i columns shows its help and wrong input without a row that is too wide',
    async (columns) => {
      for (const args of [['--help'], ['dead-letters', 'redrive', '--help'], ['replay', 'ids', '--since', 'never']]) {
        const transcript = await inTerminal([...cli, ...args], { columns });
        expect(rowsOf(transcript).length).toBeGreaterThan(0);
        expect(tooWide(transcript, columns)).toEqual([]);
      }
    },
  );

  it('has colors, unless NO_COLOR is set or the terminal has none', async () => {
    const wrong = [...cli, 'frobnicate'];
    expect(textOf(await inTerminal(wrong, { columns: 80 }))).toContain(`${sequence}31m`);
    for (const env of [{ NO_COLOR: '1' }, { TERM: 'dumb' }]) {
      expect(textOf(await inTerminal(wrong, { columns: 80, env }))).not.toContain(sequence);
    }
  });

  it('shows that it starts Kafka before Kafka is ready, and a table that fits into 40 columns', async () => {
    const transcript = await inTerminal([...cli, 'status'], { columns: 40 });
    const [first = ''] = rowsOf(transcript);
    expect(first).toMatch(/^broker {3}starting Kafka/);
    expect(appearedAt(transcript, 'starting Kafka')).toBeLessThan(appearedAt(transcript, 'Kafka ready') ?? 0);
    expect(textOf(transcript)).toContain('tmdb.movie-ids');
    expect(tooWide(transcript, 40)).toEqual([]);
  });

  it('ends in one line if the reader of its output has ended', async () => {
    const child = spawn(process.execPath, [join(root, 'cli.ts'), 'man'], {
      env: { PATH, HOME, ...compileCache },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    child.stdout.destroy();
    const { code, stderr } = await outcomeOf(child as never);
    expect(stderr).toMatch(/^(?:standard output cannot be written: its reader has ended\n)?$/);
    expect(code).toBe(stderr === '' ? 0 : 1);
  });
});

describe('the first ten minutes', { tags: ['full'] }, () => {
  /** The texts that appear, in this order. */
  const steps = [
    ...['broker   starting Kafka', 'broker   Kafka ready', 'sandbox  no TMDB_TOKEN is set', 'walk 1/1 pages'],
    ...['fetch 20/20 movies', 'dbt      starting', 'dbt 1', 'gold     copying', 'gold.kpi_top_movies', 'tests passed'],
    'Open it with any DuckDB',
  ];
  const start = ['npm', 'start', '--', '--pages', '1'];

  it('are shown step by step, in colors on 80 columns, then without colors on 40 and 200', async () => {
    const first = await inTerminal(start, { columns: 80 });
    expect(first.code, textOf(first)).toBe(0);
    const times = steps.map((text) => appearedAt(first, text) ?? Number.NaN);
    expect(times).toEqual(times.toSorted((a, b) => a - b));
    expect(textOf(first)).toContain(`${sequence}1m`);
    expect(tooWide(first, 80)).toEqual([]);
    for (const columns of [40, 200]) {
      const again = await inTerminal([...start, '--full-refresh'], { columns, env: { NO_COLOR: '1' } });
      expect(again.code, textOf(again)).toBe(0);
      expect(textOf(again)).not.toMatch(color);
      expect(tooWide(again, columns)).toEqual([]);
    }
  });

  it('begin within a second: the fastest of three starts prints what it does', async () => {
    const seconds: number[] = [];
    for (let attempt = 0; attempt < 3; attempt += 1) {
      const transcript = await inTerminal(['npm', 'start', '--', '--pages', '1'], { columns: 80 });
      seconds.push(appearedAt(transcript, 'starting Kafka') ?? Number.POSITIVE_INFINITY);
    }
    process.stdout.write(`first line of npm start after ${seconds.map((one) => one.toFixed(2)).join(', ')} s\n`);
    expect(Math.min(...seconds)).toBeLessThan(1);
  });

  it('are shown in plain lines without a terminal', async () => {
    const child = spawn('npm', [...start.slice(1), '--full-refresh'], {
      cwd: root,
      env: { PATH, HOME, ...settings() },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const outcome = await outcomeOf(child as never);
    expect(outcome.code, outcome.stderr).toBe(0);
    expect(outcome.stdout + outcome.stderr).not.toContain('\u001b');
    expect(outcome.stderr).toMatch(/^broker {3}starting Kafka\nbroker {3}Kafka ready/m);
  });

  it('name the program that holds the DuckDB file, and the time for which the command waits', async () => {
    const holder = spawn(process.execPath, ['--input-type=module', '-e', holding], {
      cwd: root,
      env: { PATH, FILE: join(workspace.dataDir, 'tmdb.duckdb') },
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    await once(holder.stdout, 'data');
    const isNamed = (text: string) => /warn: .*\(pid \d+\)/s.test(text) && text.includes(`(pid ${holder.pid})`);
    let seen = '';
    const onText = (text: string) => {
      seen += text;
      if (isNamed(seen)) holder.stdin.end();
    };
    const transcript = await inTerminal(start, { columns: 80, onText });
    expect(transcript.code, textOf(transcript)).toBe(0);
    expect(isNamed(textOf(transcript))).toBe(true);
  });
});

/** Keeps the file of the environment open, as a notebook would, until its standard input ends. */
const holding = `
  import { DuckDBInstance } from '@duckdb/node-api';
  const instance = await DuckDBInstance.create(process.env.FILE);
  const connection = await instance.connect();
  await connection.run('select 1');
  console.log('open');
  process.stdin.resume().on('end', () => process.exit(0));
`;
