import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { metrics } from '../../schemas/metrics.ts';
import { openDuckDbGold } from '../../warehouse/duckdb/gold-reader.ts';
import type { GoldReader } from '../../warehouse/gold-reader.ts';
import { publishSmallGold } from '../support/dashboard/small-gold.ts';
import { questions } from '../support/docs/analysis-page.ts';

describe('the questions of docs/analysis.md', () => {
  const folder = mkdtempSync(join(tmpdir(), 'tmdb-stream-analysis-'));
  let gold: GoldReader;

  beforeAll(async () => {
    await publishSmallGold(join(folder, 'gold.duckdb'), 200);
    gold = openDuckDbGold(join(folder, 'gold.duckdb'));
  });
  afterAll(async () => {
    await gold[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true });
  });

  it('are ten, and each query runs on GOLD and has the columns of its result', async () => {
    expect(questions()).toHaveLength(10);
    for (const { title, sql, result } of questions()) {
      await gold.read((snapshot) => snapshot.query(sql));
      const columns = await gold.read((snapshot) => snapshot.query(`describe ${sql}`));
      const [heading = ''] = result.split('\n');
      expect(heading, title).toBe(`| ${columns.map((column) => column['column_name']).join(' | ')} |`);
    }
  });

  it('use each metric as dbt/metrics.json defines it', () => {
    for (const { title, sql } of questions()) {
      for (const metric of metrics) {
        const uses = [...sql.matchAll(new RegExp(`(.*) as ${metric.name}\\b`, 'g'))].map(
          ([, expression]) => expression,
        );
        for (const use of uses) expect(use, title).toMatch(new RegExp(`${RegExp.escape(metric.sql)}$`));
      }
    }
  });
});
