import { spawn } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Outcome, outcomeOf } from '../support/processes/cli.ts';
import { productFolders } from '../support/product-folders.ts';

const root = join(import.meta.dirname, '../..');
const parts = ['cli.ts', 'dbt', 'package.json', 'scripts', ...productFolders];
/** Umlauts, a space, the Turkish i, and characters outside Latin-1. */
const oddName = 'Prüf stand ığİ 映画';
const unprivileged = 65_534;

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tmdb-stream-places-'));
  chmodSync(folder, 0o755);
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** Copies the sources to another folder, and links the packages and tools that are installed here. */
function checkoutAt(place: string): void {
  mkdirSync(place, { recursive: true });
  for (const part of parts) cpSync(join(root, part), join(place, part), { recursive: true });
  symlinkSync(join(root, 'package-lock.json'), join(place, 'package-lock.json'));
  symlinkSync(join(root, 'node_modules'), join(place, 'node_modules'));
  symlinkSync(join(root, '.tools'), join(place, '.tools'));
  mkdirSync(join(place, 'test/support/snowflake'), { recursive: true });
}

interface Place {
  readonly checkout: string;
  readonly data: string;
  readonly locale: string;
  /** Whether it runs as a user other than the owner of the checkout. Only root can start it that way. */
  readonly isUnprivileged?: boolean;
  readonly env?: Readonly<Record<string, string>>;
}

const places: readonly Place[] = [
  { checkout: oddName, data: 'data', locale: 'C' },
  { checkout: 'plain', data: oddName, locale: 'ja_JP.UTF-8', isUnprivileged: true },
  {
    ...{ checkout: oddName, data: oddName, locale: 'tr_TR.UTF-8' },
    env: { JDK_JAVA_OPTIONS: '-Duser.language=tr -Duser.country=TR', JAVA_TOOL_OPTIONS: '-Duser.language=tr' },
  },
  {
    ...{ checkout: oddName, data: oddName, locale: 'C', isUnprivileged: true },
    env: { HTTPS_PROXY: 'http://127.0.0.1:9', HTTP_PROXY: 'http://127.0.0.1:9' },
  },
];

function npmStart({ checkout, data, locale, isUnprivileged = false, env = {} }: Place): Promise<Outcome> {
  const [place, dataDir, home] = [join(folder, 'src', checkout), join(folder, 'kept', data), join(folder, 'home')];
  checkoutAt(place);
  for (const made of [join(folder, 'kept'), home]) mkdirSync(made);
  if (isUnprivileged) chownSync(join(folder, 'kept'), unprivileged, unprivileged);
  chmodSync(home, 0o555);
  const command = [process.execPath, join(place, 'scripts/start.mjs'), 'run', '--once', '--pages', '1'];
  const [program = '', ...args] = isUnprivileged
    ? ['setpriv', '--reuid', `${unprivileged}`, '--regid', `${unprivileged}`, '--clear-groups', ...command]
    : command;
  const settings = { DATA_DIR: dataDir, SANDBOX_MOVIES: '20', TMDB_RATE_LIMIT: '500/1s', LANG: locale, LC_ALL: locale };
  return outcomeOf(
    spawn(program, args, { cwd: folder, env: { PATH: process.env['PATH'], HOME: home, ...settings, ...env } }),
  );
}

describe('npm start', () => {
  it.for(places)(
    '[R114] works in checkout "$checkout" with data "$data" under $locale, or prints in one line what to do',
    { tags: ['full'] },
    async (place, { skip }) => {
      skip(place.isUnprivileged === true && process.getuid?.() !== 0, 'only root can start a process of another user');
      const { code, stdout, stderr } = await npmStart(place);
      const said = stderr.trim().split('\n').at(-1) ?? '';
      if (code === 0) {
        expect(stdout).toMatch(/kpi_top_movies[\s\S]*tests passed/);
        expect(stderr).toMatch(/fetch 20\/20 movies/);
        expect(existsSync(join(folder, 'kept', place.data, 'tmdb.duckdb'))).toBe(true);
      } else {
        // Another user may not be allowed to run the Python or the Java of this machine.
        expect(place.isUnprivileged, stderr).toBe(true);
        expect(said).toMatch(/cannot be (?:used|run|started)|missing|no permission/);
        expect(stderr).not.toMatch(/^\s+at /m);
      }
      expect(readdirSync(folder).toSorted()).toEqual(['home', 'kept', 'src']);
      expect(readdirSync(join(folder, 'kept'))).toEqual([place.data]);
      expect(readdirSync(join(folder, 'home'))).toEqual([]);
    },
  );
});
