import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { openDuckDbPurge } from '../../warehouse/duckdb/purge.ts';
import { openDuckDbWarehouse } from '../../warehouse/duckdb/warehouse.ts';
import { Findings } from '../support/audit/audit.ts';
import { compareBronze } from '../support/audit/bronze.ts';
import { bronzeContents, type RawEntry } from '../support/audit/topics.ts';
import { ManualClock } from '../support/clock/manual-clock.ts';
import { runSql } from '../support/warehouse/warehouse-contents.ts';

const topic = 'tmdb.raw-movies';
const partition = { clusterId: 'cluster', topic, topicId: 'topic', partition: 0 };
const [loadedAt, purgedAt, before] = [Date.UTC(2026, 0, 2), Date.UTC(2026, 6, 1), Date.UTC(2026, 0, 3)];

it('[P25] the audit allows a row without a document if its answer or its load is older than a past limit', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'audit-'));
  try {
    const path = join(folder, 'warehouse.duckdb');
    const at = (ms: number) => ({ path, lockWaitMs: 5_000, clock: new ManualClock(ms) });
    {
      await using warehouse = await openDuckDbWarehouse(at(loadedAt));
      await warehouse.migrate();
      // The time of the second answer is wrong.
      const rows = [Date.UTC(2026, 0, 1), Date.UTC(2027, 0, 1)].map((fetchedAt, index) => ({
        ...{ kafkaOffset: BigInt(index), movieId: index, body: Buffer.from('{}'), sourceUrl: '', httpStatus: 200 },
        fetchedAt: new Date(fetchedAt),
      }));
      await warehouse.append([{ table: 'raw_movies', partition, firstOffset: 0n, nextOffset: 2n, rows }]);
    }
    const stored = await runSql(
      path,
      `select kafka_offset as o, ${bronzeContents[topic]} as contents from bronze.raw_movies`,
    );
    const raw = stored.map(({ o, contents }): RawEntry => {
      const address = `${topic}/0/${o}`;
      return {
        topic,
        partition: 0,
        offset: o as bigint,
        address,
        hash: '',
        contents: String(contents),
        isSentBack: false,
        answer: null,
      };
    });
    const findings = async () => {
      const found = new Findings();
      const ends = new Map([[`${topic}/0`, { low: 0n, high: 2n }]]);
      const topicIds = new Map([[topic, 'topic']]);
      const nothing = { ids: [], letters: [], parked: new Set<string>(), redriven: 0 };
      await compareBronze((sql) => runSql(path, sql), { ...nothing, clusterId: 'cluster', topicIds, ends, raw }, found);
      found.throwIfAny();
    };
    await findings();
    const purge = await openDuckDbPurge(at(purgedAt));
    expect(await purge.blankNext(new Date(before))).toBe(2);
    await findings();
    await runSql(path, `update bronze.purges set purged_before = timestamp '2026-01-01 12:00:00'`);
    await expect(findings()).rejects.toThrow(
      /A3: not what the record holds \(1\)[\s\S]*A3: .*no purge has removed \(1\)/,
    );
    await runSql(path, `update bronze.purges set purged_before = timestamp '2026-07-02', recorded_at = '2026-07-01'`);
    await expect(findings()).rejects.toThrow(/A3: not what the record holds \(2\)/);
    await runSql(path, `update bronze.purges set purged_before = timestamp '9999-01-01', recorded_at = '9999-07-01'`);
    await expect(findings()).rejects.toThrow(/A3: not what the record holds \(2\)/);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
