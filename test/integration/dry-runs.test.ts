import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { commandsByWords } from '../../commands/index.ts';
import { uniqueName } from '../support/kafka/broker.ts';
import { Deployment } from '../support/kafka/deployment.ts';
import { duckDbOf } from '../support/warehouse/duckdb-of.ts';
import { runSql } from '../support/warehouse/warehouse-contents.ts';
import { casesOf } from '../tiers.ts';

/** Each command that has a dry run, with the options that it needs, and its exit code. */
const dryRuns = [
  ['replay raw', ['--all'], 0],
  ['replay raw', ['--all', '--rebuild'], 0],
  ['replay ids', ['--all'], 0],
  ['ids discard', ['--all'], 0],
  ['repair', [], 0],
  ['purge', [], 0],
  ['dead-letters redrive', ['--all'], 0],
  // There is no other cluster.
  ['warehouse adopt-cluster', [], 2],
] as const;

let deployment: Deployment;
let path: string;

beforeAll(async () => {
  deployment = await Deployment.open(`${uniqueName('dry')}.`, 5);
  path = duckDbOf(deployment.context.config).duckdbPath;
  await deployment.ingest();
  await runSql(
    path,
    ['requested_at', 'reason', 'traceparent']
      .map((name) => `alter table bronze.raw_movies drop column ${name}`)
      .join(';'),
  );
});
afterAll(() => deployment[Symbol.asyncDispose]());

/** The DuckDB file and those beside it, except the queue for the file, with their contents. */
const files = () => {
  const folder = dirname(path);
  const names = readdirSync(folder).filter((name) => /\.duckdb(\.wal)?$/.test(name));
  return names.map((name) => [
    name,
    createHash('sha256')
      .update(readFileSync(join(folder, name)))
      .digest('hex'),
  ]);
};

it('the list has each command with a dry run', () => {
  const withDryRun = [...commandsByWords].flatMap(([words, { options }]) => ('dryRun' in options ? [words] : []));
  expect([...new Set(dryRuns.map(([words]) => words))].toSorted()).toEqual(withDryRun.toSorted());
});

it.each(casesOf(dryRuns, [0, 1]))(
  '[R189] a dry run of %s %j leaves a warehouse of an older version as it is',
  async (words, options, expected) => {
    const before = files();
    const { code, stderr } = await deployment.run(...words.split(' '), ...options, '--dry-run');
    expect(code, stderr).toBe(expected);
    expect(files()).toEqual(before);
  },
);
