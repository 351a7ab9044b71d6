import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { loadConfig } from '../../../platform/config.ts';
import { parseGroups } from '../../../platform/settings.ts';
import { systemClock } from '../../../runtime/clock.ts';
import { parseDuration } from '../../../runtime/units.ts';
import type { WarehouseKind } from '../../../warehouse/kind.ts';
import { mistakesOf, openWarehouse, serverOf, type WarehouseName, warehouses } from '../../../warehouse/registry.ts';
import type { GoldSource, TransformTarget, WarehouseAccess } from '../../../warehouse/system.ts';

const root = join(import.meta.dirname, '../../..');
const dataDir = mkdtempSync(join(tmpdir(), 'tmdb-stream-registry-'));
afterAll(() => rmSync(dataDir, { recursive: true }));

/** What a warehouse needs beyond WAREHOUSE itself; nothing if it is not listed. */
const needed: Partial<Record<string, Readonly<Record<string, string>>>> = {
  snowflake: { SNOWFLAKE_ACCOUNT: 'MYORG-MYACCOUNT', SNOWFLAKE_USER: 'LOADER', SNOWFLAKE_TOKEN: 'token' },
};

/** The type of each part; the compiler refuses a list that lacks one. */
const accessParts: Readonly<Record<keyof WarehouseAccess, string>> = {
  name: 'string',
  patienceMs: 'number',
  statusEveryMs: 'number',
  exists: 'function',
  openLoader: 'function',
  openReader: 'function',
  openRebuild: 'function',
  openBackfill: 'function',
  openPurge: 'function',
  adopt: 'function',
};
const targetParts: Readonly<Record<keyof TransformTarget, string>> = {
  dbtVariables: 'object',
  readsNeedLock: 'boolean',
  freshnessEveryMs: 'number',
  takeTransformLease: 'function',
  reportHolder: 'function',
  openRunLog: 'function',
  creditsFor: 'function',
  bronzeVersion: 'function',
  publishGold: 'function',
  goldPublishedAt: 'function',
};
const goldParts: Readonly<Record<keyof GoldSource, string>> = { openGold: 'function' };

const configOf = (name: string) => loadConfig({ DATA_DIR: dataDir, WAREHOUSE: name, ...needed[name] });

const open = (name: string) =>
  openWarehouse(configOf(name).warehouse, {
    clock: systemClock,
    retentionMs: Number.POSITIVE_INFINITY,
    signal: new AbortController().signal,
    watchFile: () => () => {},
  });

describe('the registry of warehouses', () => {
  it('has each folder that defines a warehouse', () => {
    const folders = readdirSync(join(root, 'warehouse'), { withFileTypes: true })
      .filter((entry) => entry.isDirectory() && existsSync(join(entry.parentPath, entry.name, 'system.ts')))
      .map(({ name }) => name);
    expect(Object.keys(warehouses).toSorted()).toEqual(folders.toSorted());
  });

  describe.each(Object.entries<WarehouseKind>(warehouses))('%s', (name, kind) => {
    const kindName = name as WarehouseName;

    it('has settings with a title and a prefix, and a duration as the default of LOAD_MAX_AGE', () => {
      const { title, prefixes, settings } = kind.group;
      expect(title).not.toBe('');
      const names = Object.values(settings).map((setting) => setting.name);
      expect(names.filter((setting) => !prefixes.some((prefix) => setting.startsWith(prefix)))).toEqual([]);
      expect(parseDuration(kind.defaultMaxAge)).toBeGreaterThan(0);
      expect(configOf(name).load.maxAgeMs).toBe(parseDuration(kind.defaultMaxAge));
    });

    it('names a setting of its own in each mistake', () => {
      const { values } = parseGroups({});
      const names = Object.values(kind.group.settings).map((setting) => setting.name);
      const mistakes = [...mistakesOf(kindName, values[kindName])];
      expect(mistakes.map((mistake) => names.includes(mistake.split(': ')[0] ?? ''))).toEqual(mistakes.map(() => true));
      expect(mistakes.length > 0).toBe(needed[name] !== undefined);
    });

    it('is chosen by WAREHOUSE, with the settings of no other warehouse', () => {
      const { warehouse } = configOf(name);
      expect(Object.keys(warehouse).toSorted()).toEqual(['kind', name].toSorted());
      expect(warehouse.kind).toBe(name);
    });

    it('opens a system with all parts, and no other ones', () => {
      const system = open(name);
      const parts = Object.entries(system).map(([part, value]) => [part, typeof value]);
      expect(Object.fromEntries(parts)).toEqual({
        ...accessParts,
        ...targetParts,
        ...goldParts,
      });
      expect(system.name).not.toBe('');
      expect(system.patienceMs).toBeGreaterThan(0);
      expect(system.freshnessEveryMs).toBeGreaterThan(0);
    });

    it('names the target of dbt that the profile has', () => {
      expect(open(name).dbtVariables['WAREHOUSE']).toBe(name);
      const profile = readFileSync(join(root, 'dbt', 'profiles.yml'), 'utf8');
      const targets = [...profile.matchAll(/^ {4}(\w+):$/gm)].map(([, target]) => target);
      expect(targets).toContain(name);
    });

    it('names its files by settings of its own, and its server by a URL', () => {
      const { warehouse } = configOf(name);
      const names = Object.values(kind.group.settings).map((setting) => setting.name);
      const files = kind.files(warehouse[kindName]);
      expect(files.filter(({ setting }) => !names.includes(setting))).toEqual([]);
      expect(files.filter(({ path }) => !path.startsWith('/'))).toEqual([]);
      const server = serverOf(warehouse);
      expect(server === null || URL.canParse(server.url)).toBe(true);
    });
  });
});
