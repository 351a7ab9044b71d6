import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { mutants } from '../../mutation/mutants.ts';
import { type Budget, readBudget } from '../../runner/budget.ts';
import { isMeasured, isTouched, longestShardMinutes, minutesOf, order, parseShard, shards } from '../../runner/plan.ts';
import { fullNumbers, type Suite, suites } from '../../runner/suites.ts';
import { filesOfFullTier, longestFiles, measuringFiles } from '../../tiers.ts';

const root = join(import.meta.dirname, '../../..');
const names = suites.map(({ name }) => name);
const project = readdirSync(root, { recursive: true, encoding: 'utf8' })
  .filter((file) => !/^(node_modules|\.tools|\.git|data)(\/|$)/.test(file))
  .map((file) => file.replaceAll('\\', '/'));
const testFiles = project.filter((file) => /^test\/.+\.test\.ts$/.test(file));

describe('shards', () => {
  const budgets = fc.dictionary(fc.stringMatching(/^[a-z]{1,8}$/), fc.integer({ min: 1, max: 24 }), { minKeys: 1 });

  it('contain every suite once, always in the same way, and none exceeds its time limit', () => {
    fc.assert(
      fc.property(budgets, fc.integer({ min: 1, max: 9 }), (minutes, count) => {
        const budget: Budget = Object.fromEntries(
          Object.entries(minutes).map(([name, value]) => [name, { minutes: value, cpuSeconds: 1 }]),
        );
        const all = Object.keys(budget);
        let dealt: string[][];
        try {
          dealt = shards(all, count, budget);
        } catch (error) {
          expect(error).toBeInstanceOf(RangeError);
          return;
        }
        expect(dealt).toHaveLength(count);
        expect(dealt.flat().toSorted()).toEqual(all.toSorted());
        expect(shards(all.toReversed(), count, budget)).toEqual(dealt);
        for (const shard of dealt) {
          expect(shard.reduce((sum, name) => sum + minutesOf(name, budget), 0)).toBeLessThanOrEqual(
            longestShardMinutes,
          );
        }
      }),
    );
  });

  it('that would take too long are refused, with the number of shards that is enough', () => {
    const budget = { a: { minutes: 20, cpuSeconds: 1 }, b: { minutes: 20, cpuSeconds: 1 } };
    expect(() => shards(['a', 'b'], 1, budget)).toThrow('ask for 2 shards or more');
    expect(shards(['a', 'b'], 2, budget)).toEqual([['a'], ['b']]);
  });

  it.each(['', '0/4', '5/4', '1', '1/0', '-1/4', '1/4/4', 'a/b', '1.5/4'])('are not chosen by "%s"', (text) => {
    expect(() => parseShard(text)).toThrow(RangeError);
  });

  it('are counted from 1', () => {
    expect(parseShard('2/4')).toEqual({ index: 1, count: 4 });
  });
});

describe('the order of suites', () => {
  const suite = (name: string, ...touches: string[]): Suite => ({ name, files: [`test/${name}.test.ts`], touches });
  const [kafka, tmdb, snowflake, dbt] = [
    suite('kafka', 'kafka/'),
    suite('tmdb', 'tmdb/'),
    suite('snowflake', 'warehouse/snowflake/'),
    suite('dbt', 'dbt/', 'warehouse/'),
  ];
  const all = [kafka, tmdb, snowflake, dbt];
  const ordered = (changed: readonly string[], day = 0): string[] => order(all, changed, day).map(({ name }) => name);

  it('starts with the suites that the change touches, the most specific first', () => {
    expect(ordered(['warehouse/snowflake/client.ts'])).toEqual(['snowflake', 'dbt', 'kafka', 'tmdb']);
    expect(ordered(['test/tmdb.test.ts'])).toEqual(['tmdb', 'kafka', 'snowflake', 'dbt']);
    expect(ordered(['test/tmdb.test.ts'], 1)).toEqual(['tmdb', 'snowflake', 'dbt', 'kafka']);
  });

  it('starts at a different suite each day, and has each suite once', () => {
    expect(new Set([0, 1, 2, 3].map((day) => ordered([], day)[0]))).toEqual(new Set(all.map(({ name }) => name)));
    const everything = ['kafka/a.ts', 'tmdb/a.ts', 'warehouse/snowflake/a.ts', 'dbt/a.sql'];
    expect(new Set([0, 1, 2, 3].map((day) => ordered(everything, day)[1])).size).toBeGreaterThan(1);
    for (const day of [0, 1, 20_000]) expect(ordered(['README.md'], day).toSorted()).toEqual(ordered([]).toSorted());
  });

  it('matches whole path segments, not the beginning of a name', () => {
    expect(isTouched(suite('a', 'kafka/'), ['lib/kafka-other.ts'])).toBe(false);
    expect(isTouched(suite('a', 'cli.ts'), ['cli.ts'])).toBe(true);
  });
});

describe('the suites of the full tier', () => {
  const filesOf = ({ files = [] }: Suite): string[] =>
    testFiles.filter((file) => files.some((place) => file.startsWith(place)));

  it('have unique names, and places and tests that exist', () => {
    expect(new Set(names).size).toBe(names.length);
    const places = suites.flatMap(({ touches, files = [] }) => [...touches, ...files]);
    expect(places.filter((place) => !project.some((file) => file === place || file.startsWith(place)))).toEqual([]);
    const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
    expect(suites.flatMap(({ script }) => script?.slice(0, 1) ?? []).filter((name) => !(name in scripts))).toEqual([]);
  });

  it('contain one that a change of any adapter or stage touches', () => {
    const code =
      /^(consumers|dashboard|dbt|dead-letters|kafka|pipeline|producers|replay|tmdb|transform|warehouse\/\w+)\//;
    const changed = project.filter((file) => code.test(file) && /\.(ts|sql)$/.test(file));
    expect(changed.length).toBeGreaterThan(200);
    expect(changed.filter((file) => !suites.some((suite) => isTouched(suite, [file])))).toEqual([]);
  });

  it('contain once every test that npm test omits or runs with smaller numbers', () => {
    const numbers = new RegExp(`process\\.env\\['(${Object.keys(fullNumbers).join('|')})'\\]|isLongForm|casesOf\\(`);
    const isLeftOut = (file: string): boolean => {
      const source = readFileSync(join(root, file), 'utf8');
      return (
        filesOfFullTier.includes(file) || numbers.test(source) || /tags: \['full'\]|runIf\(isLongForm/.test(source)
      );
    };
    // The tests of the tiers themselves contain tags in strings.
    const leftOut = testFiles.filter((file) => isLeftOut(file) && !/^test\/unit\/(runner\/|guarantees)/.test(file));
    const times = (file: string): number => suites.filter((suite) => filesOf(suite).includes(file)).length;
    expect(leftOut.length).toBeGreaterThan(10);
    expect(leftOut.filter((file) => times(file) !== 1)).toEqual([]);
  });

  it('contain each mutant once', () => {
    const words = suites.flatMap(({ script: [command, ...words] = [''] }) => (command === 'test:mutants' ? words : []));
    for (const { name } of mutants)
      expect(
        words.filter((word) => name.includes(word)),
        name,
      ).toHaveLength(1);
  });

  it('count as measured once their CPU seconds are recorded, and not by an estimate', () => {
    const budget = { estimated: { cpuSeconds: null, minutes: 3 }, recorded: { cpuSeconds: 0, minutes: 3 } };
    expect(['estimated', 'recorded', 'unknown'].filter((name) => isMeasured(name, budget))).toEqual(['recorded']);
  });

  it('and the tiers have minutes in the budget, and nothing else does', () => {
    expect(Object.keys(readBudget()).toSorted()).toEqual([...names, 'check', 'fast'].toSorted());
    expect(shards(['fast', ...names], 12, readBudget())).toHaveLength(12);
  });

  it('name only files that exist', () => {
    expect(
      [...filesOfFullTier, ...measuringFiles, ...longestFiles].filter((file) => !testFiles.includes(file)),
    ).toEqual([]);
  });
});
