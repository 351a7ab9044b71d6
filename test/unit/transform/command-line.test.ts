import { expect, it } from 'vitest';
import { opensWarehouse } from '../../../transform/dbt/command-line.ts';

it.each([
  ['build', true],
  ['--quiet build', true],
  ['--log-level debug run', true],
  ['run --select parse', true],
  ['source freshness', true],
  ['a-command-of-a-later-version', true],
  ['docs generate', true],
  ['docs serve --port 8080', false],
  ['', false],
  ['--version', false],
  ['--quiet parse', false],
  ['ls --select build', false],
])('dbt %s: takes the transform lease only if dbt opens the warehouse', (line, expected) => {
  expect(opensWarehouse(line.split(' ').filter(Boolean))).toBe(expected);
});
