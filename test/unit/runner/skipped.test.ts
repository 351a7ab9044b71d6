import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Part } from '../../runner/closing.ts';
import { runSuite } from '../../runner/full.ts';
import { dayNumber, isTouched, order } from '../../runner/plan.ts';
import { suites } from '../../runner/suites.ts';

const root = join(import.meta.dirname, '../../..');

describe('a suite that cannot run on this machine', () => {
  let cwd: string;
  beforeAll(() => {
    cwd = mkdtempSync(join(tmpdir(), 'tmdb-stream-runner-'));
    const scripts = { cannot: 'exit 77', fails: 'exit 1', works: 'exit 0' };
    writeFileSync(join(cwd, 'package.json'), JSON.stringify({ scripts }));
  });
  afterAll(() => rmSync(cwd, { recursive: true }));

  it.each([
    ['cannot', { isGreen: true, isSkipped: true, counts: { passed: 0, failed: 0 } }],
    ['fails', { isGreen: false, isSkipped: false, counts: { passed: 0, failed: 0 } }],
    ['works', { isGreen: true, isSkipped: false, counts: { passed: 1, failed: 0 } }],
  ])('is skipped with exit code 77 and never counts as passed: a script that %s', async (script, part) => {
    expect((await runSuite({ name: script, script: [script], touches: [] }, { cwd })).part).toMatchObject(part);
  });

  it('is reported as SKIPPED, its duration is not recorded, and the other suites decide the exit code', () => {
    const close = (parts: readonly Part[]) => {
      const closing = pathToFileURL(join(root, 'test/runner/closing.ts')).href;
      const code = `import { closing } from '${closing}'; closing({ parts: ${JSON.stringify(parts)}, reports: [], isStrict: true });`;
      return spawnSync(process.execPath, ['--input-type=module', '--eval', code], { encoding: 'utf8' });
    };
    const took = { seconds: 60, cpuSeconds: 100_000 };
    const none = { passed: 0, failed: 0 };
    const skipped = { name: 'skipped-suite', isGreen: true, isSkipped: true, ...took, counts: none };
    const green = close([skipped, { ...took, name: 'green-suite', isGreen: true, counts: { passed: 2, failed: 0 } }]);
    expect(green.stdout).toContain('SKIPPED  skipped-suite in 1.0 min');
    expect(green.stdout).not.toContain('passed  skipped-suite');
    expect(green.stdout.trimEnd().split('\n').at(-1)).toBe('2 passed, 0 failed');
    expect(green.status).toBe(0);
    const red = close([skipped, { ...took, name: 'red-suite', isGreen: false, counts: none }]);
    expect(red.stdout.trimEnd().split('\n').at(-1)).toBe('0 passed, 1 failed');
    expect(red.status).toBe(1);
  });

  // A user without root cannot start the engine. A process of another user must be able to read this folder.
  it.runIf(process.platform === 'linux' && process.getuid?.() === 0)(
    'prints the reason, like the container tests',
    () => {
      const env = { PATH: process.env['PATH'] ?? '', HOME: tmpdir() };
      const { status, stdout, stderr } = spawnSync(process.execPath, [join(root, 'test/containers/run.ts')], {
        ...{ cwd: tmpdir(), env, uid: 65_534, encoding: 'utf8' },
      });
      expect(status, stderr).toBe(77);
      expect(stdout).toMatch(/^SKIPPED {2}the container tests: .*root/m);
    },
  );
});

describe('a change to one adapter', () => {
  const today = dayNumber(new Date());

  it.each([
    ['kafka/sink.ts', ['network', 'kafka', 'mutants-kafka']],
    ['tmdb/interpret.ts', ['tmdb', 'mutants-tokens']],
    ['tmdb/token-bucket/redis-store.ts', ['token-bucket', 'mutants-tokens']],
    ['warehouse/duckdb/ledger.ts', ['duckdb', 'crash-points']],
    ['warehouse/snowflake/rebuild.ts', ['snowflake', 'snowflake-pipeline', 'mutants-snowflake']],
    ['dbt/models/gold/fact_movies.sql', ['dbt', 'mutants-dbt']],
    ['sandbox/server.ts', ['command-line']],
  ])('to %s runs the suites of this adapter before all that it does not touch, on any day', (file, adapter) => {
    const changed = [file, 'README.md'];
    for (let day = today; day < today + suites.length; day += 1) {
      const ordered = order(suites, changed, day);
      const first = ordered.slice(
        0,
        ordered.findIndex((suite) => !isTouched(suite, changed)),
      );
      expect(first.map(({ name }) => name)).toEqual(expect.arrayContaining(adapter));
    }
  });
});
