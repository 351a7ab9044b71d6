import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { root } from './project.ts';

const folder = join(root, 'deploy/systemd');

/** The folder in which the units expect the project. */
export const installedAt = '/opt/tmdb-stream';

/** The drop-in for all units that begin with `tmdb-stream-`. */
const common = 'tmdb-stream-.service.d/common.conf';

/** The settings of a unit in the order of the file; a key may occur more than once. */
type Settings = readonly (readonly [key: string, value: string])[];

/** A unit file with its drop-in. */
export class Unit {
  /** Such as `loader` or `fetcher@`. */
  readonly name: string;
  readonly #settings: Settings;

  constructor(file: string) {
    this.name = file.replace(/^tmdb-stream-|\.service$/g, '');
    this.#settings = [...settingsOf(file), ...settingsOf(common)];
  }

  /** All values of a key. */
  all(key: string): string[] {
    return this.#settings.filter(([name]) => name === key).map(([, value]) => value);
  }

  /** The value of a key that must occur once. */
  one(key: string): string {
    const values = this.all(key);
    if (values.length !== 1) throw new Error(`${this.name}: ${key} occurs ${values.length} times`);
    return values[0] ?? '';
  }

  /** The value of a variable of its processes; undefined if it has none. */
  variable(name: string): string | undefined {
    return this.all('Environment')
      .find((text) => text.startsWith(`${name}=`))
      ?.slice(name.length + 1);
  }
}

const settingsOf = (file: string): Settings =>
  readFileSync(join(folder, file), 'utf8')
    .split('\n')
    .filter((line) => /^\w+=/.test(line))
    .map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]);

/** Every service of deploy/systemd. */
export const units = (): Unit[] =>
  readdirSync(folder)
    .filter((file) => file.endsWith('.service'))
    .map((file) => new Unit(file));

/** Whether systemd is installed. It need not run. */
export const hasSystemdAnalyze = spawnSync('systemd-analyze', ['--version']).status === 0;

/**
 * Runs `systemd-analyze` on a copy of the units that expects the project in its present folder.
 * @param change changes the copy before. @returns what it prints and its exit code.
 */
export function analyze(args: readonly string[], change: (folder: string) => void = () => {}) {
  const copy = mkdtempSync(join(tmpdir(), 'tmdb-stream-units-'));
  try {
    cpSync(folder, copy, { recursive: true });
    for (const file of readdirSync(copy, { recursive: true, encoding: 'utf8' })) {
      if (!/\.(?:service|conf)$/.test(file)) continue;
      const text = readFileSync(join(copy, file), 'utf8');
      writeFileSync(join(copy, file), text.replaceAll(installedAt, root));
    }
    change(copy);
    const names = readdirSync(copy).filter((file) => /\.(?:service|target)$/.test(file));
    const instances = names.map((name) => name.replace('@.', '@1.'));
    // With the colon, the units of the machine are found as well.
    const env = { PATH: process.env['PATH'], SYSTEMD_UNIT_PATH: `${copy}:` };
    const { status, stdout, stderr } = spawnSync('systemd-analyze', [...args, ...instances], { env, encoding: 'utf8' });
    return { status, stdout, stderr };
  } finally {
    rmSync(copy, { recursive: true });
  }
}
