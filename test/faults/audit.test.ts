import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { type Message, Partitioners } from 'kafkajs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Broker } from '../../kafka/broker/broker.ts';
import { startLocalBroker } from '../../kafka/broker/local-broker.ts';
import type { SandboxStats } from '../../sandbox/stats.ts';
import { deadLetterCodec, movieIdCodec } from '../../schemas/codecs.ts';
import { type AuditReport, audit } from '../support/audit/audit.ts';
import { jarsDir } from '../support/kafka/broker-setup.ts';
import { plainClient } from '../support/kafka/client.ts';
import { Workspace } from '../support/processes/cli.ts';

/** Damage to the DuckDB file, and the checks that must detect it. */
const tampering: readonly (readonly [what: string, sql: string, checks: readonly string[]])[] = [
  ['a duplicate row', 'insert into bronze.raw_movies from bronze.raw_movies limit 1', ['A1', 'A4']],
  ['a missing row', 'delete from bronze.raw_movies where rowid = 3', ['A2', 'A4']],
  [
    'a row of an offset that Kafka does not have',
    `insert into bronze.raw_movies by name select * replace (1000 as kafka_offset) from bronze.raw_movies limit 1`,
    ['A2', 'A4'],
  ],
  ['a row without a batch', `update bronze.raw_movies set batch_id = 'unknown' where rowid = 3`, ['A1', 'A2', 'A4']],
  [
    'a changed byte of a document',
    `update bronze.raw_movies set raw_data = replace(raw_data::varchar, '"id"', '"ID"')::json where rowid = 3`,
    ['A3'],
  ],
  ['a changed status', 'update bronze.raw_movies set http_status = 201 where rowid = 3', ['A3']],
  [
    'a changed time',
    `update bronze.raw_movies set fetched_at = fetched_at + interval 1 millisecond where rowid = 3`,
    ['A3'],
  ],
  [
    'a lost time of the request',
    'update bronze.raw_movies set requested_at = null where requested_at is not null',
    ['A3'],
  ],
  ['a changed reason of the request', `update bronze.raw_movies set reason = 'aged' where rowid = 3`, ['A3']],
  ['a lost trace', 'update bronze.raw_movies set traceparent = null where traceparent is not null', ['A3']],
  [
    'a changed list of genres',
    `update bronze.raw_genres set raw_data = '{"genres": []}' where rowid = 0`,
    ['A3', 'A4'],
  ],
  ['a missing list of genres', 'delete from bronze.raw_genres', ['A2', 'A4']],
  [
    'a position that is too high',
    'update bronze.load_positions set next_offset = next_offset + 1 where rowid = 0',
    ['A4'],
  ],
  [
    'a position that is too low',
    'update bronze.load_positions set next_offset = next_offset - 1 where rowid = 0',
    ['A4'],
  ],
  ['a duplicate position', 'insert into bronze.load_positions from bronze.load_positions where rowid = 0', ['A4']],
  [
    'a batch that overlaps another',
    `insert into bronze.load_batches by name select * replace (load_seq + 1000 as load_seq, batch_id || 'x' as batch_id,
       0 as row_count, 0 as payload_bytes) from bronze.load_batches where rowid = 0`,
    ['A4'],
  ],
  ['a changed title in SILVER', `update silver.silver_movies set title = 'x' where rowid = 3`, ['A5']],
  ['a changed budget in SILVER', 'update silver.silver_movies set budget_usd = 1 where rowid = 3', ['A5']],
  ['a missing movie in SILVER', 'delete from silver.silver_movies where rowid = 3', ['A5']],
  ['a missing genre of a movie', 'delete from silver.silver_movie_genres where rowid = 3', ['A5']],
  ['a changed revenue in GOLD', 'update gold.fact_movies set revenue_usd = 1 where rowid = 3', ['A6']],
  ['a missing fact', 'delete from gold.fact_movies where rowid = 3', ['A6']],
  ['a duplicate fact', 'insert into gold.fact_movies from gold.fact_movies limit 1', ['A6']],
  ['a changed count of a genre', 'update gold.kpi_genre_performance set movie_count = movie_count + 1', ['A6']],
  ['a missing year', 'delete from gold.kpi_yearly_trends where rowid = 0', ['A6']],
  ['a changed flag in SILVER', 'update silver.silver_movies set adult = not adult where rowid = 3', ['A5']],
  ['a changed is_money_known of a fact', 'update gold.fact_movies set is_money_known = not is_money_known', ['A6']],
  [
    'a changed median of a genre',
    'update gold.kpi_genre_performance set median_vote = median_vote + 1 where rowid = 0',
    ['A6'],
  ],
  ['a missing rank', 'delete from gold.kpi_top_movies where rowid = 0', ['A6']],
];

/** Records of another program, and the findings that they cause. */
const written: readonly (readonly [what: string, topic: string, message: Message, check: string])[] = [
  [
    'an id without an answer',
    'tmdb.movie-ids',
    {
      key: '1',
      value: movieIdCodec.encode({ movieId: 1, reason: 'manual', page: null, rank: null, requestedAt: new Date() }),
    },
    'A7',
  ],
  [
    'a dead letter with other contents than its record, which is in BRONZE',
    'tmdb.dead-letters',
    {
      key: 'tmdb.raw-movies/0/0',
      value: deadLetterCodec.encode({
        ...{ originTopic: 'tmdb.raw-movies', originPartition: 0, originOffset: 0n, originTimestamp: new Date() },
        ...{ originKey: null, originValue: Buffer.from('x'), reason: 'invalid_json', message: '', attempts: 1 },
        ...{ originValueBytes: null, originValueSha256: null, originLastOffsetDelta: null },
        ...{ replays: 0, failedAt: new Date() },
      }),
    },
    'A2',
  ],
];

describe('the audit', () => {
  let workspace: Workspace;
  let broker: Broker;
  let clean: AuditReport;

  beforeAll(async () => {
    workspace = new Workspace({ TMDB_RATE_LIMIT: '200/1s', SANDBOX_MOVIES: '60' });
    await workspace.runOnce(['--pages', '3']);
    broker = await startLocalBroker({ dataDir: join(workspace.dataDir, 'kafka'), jarsDir, isOpen: true });
    clean = await audit(workspace, { brokers: broker.brokers });
  });
  afterAll(async () => {
    await broker[Symbol.asyncDispose]();
    workspace[Symbol.dispose]();
  });

  /** The checks that a copy of the file fails after `sql`. */
  const checksThatFail = async (sql: string): Promise<string[]> => {
    const folder = mkdtempSync(join(workspace.dataDir, 'tampered-'));
    for (const file of ['tmdb.duckdb', 'tmdb_gold.duckdb']) {
      copyFileSync(join(workspace.dataDir, file), join(folder, file));
    }
    const duckdbPath = join(folder, 'tmdb.duckdb');
    const instance = await DuckDBInstance.create(duckdbPath);
    const connection = await instance.connect();
    await connection.run(sql);
    connection.closeSync();
    instance.closeSync();
    const found = await failureOf(audit({ dataDir: workspace.dataDir, duckdbPath }, { brokers: broker.brokers }));
    rmSync(folder, { recursive: true });
    return checksIn(found);
  };
  const failureOf = (auditing: Promise<unknown>): Promise<string> =>
    auditing.then(
      () => 'nothing',
      (error) => String(error),
    );
  const checksIn = (text: string): string[] => [...new Set(text.match(/^A\d/gm) ?? [])];

  it('finds nothing in undamaged data, and counts its items', () => {
    expect(clean).toMatchObject({ ids: 60, rawRecords: 60, bronzeRows: 61, rowsOfOld: 0, parked: 0, movies: 60 });
  });

  it.each(tampering)('finds %s', async (_, sql, checks) => {
    const found = await checksThatFail(sql);
    expect(found).toEqual(expect.arrayContaining([...checks]));
    // Damage to SILVER alone is not reported for BRONZE.
    if (!checks.some((check) => check < 'A5')) expect(found.filter((check) => check < 'A5')).toEqual([]);
  });

  it('finds more requests than the limit allows, and refused requests', async () => {
    const requests = { limit: { capacity: 40, windowMs: 10_000 }, maxInAnyWindow: 41, byStatus: { 429: 1 } };
    const found = await failureOf(
      audit(workspace, { brokers: broker.brokers, requests: requests as unknown as SandboxStats }),
    );
    expect(found).toContain('A8: the limit is 40 (1): 41 in a window');
    expect(found).toContain('A8: refused (1): 1 answers of 429');
  });

  it('finds a secret in a file and in output', async () => {
    const canary = { secret: 'canary-1f0e', said: ['all is well', 'with canary-1f0e'] };
    const file = join(workspace.dataDir, 'left-behind');
    writeFileSync(file, 'x canary-1f0e x');
    const found = await failureOf(audit(workspace, { brokers: broker.brokers, canary }));
    rmSync(file);
    expect(found).toContain(`A9: files with the secret in them (1): ${file}`);
    expect(found).toContain('A9: said (1): with canary-1f0e');
  });

  // These tests run last, because the records that they write stay in the topics.
  it.each(written)('finds %s', async (_, topic, message, check) => {
    const producer = plainClient(broker.brokers).producer({
      createPartitioner: Partitioners.DefaultPartitioner,
      idempotent: true,
      maxInFlightRequests: 1,
    });
    await producer.connect();
    await producer.send({ topic, messages: [message] });
    await producer.disconnect();
    expect(checksIn(await failureOf(audit(workspace, { brokers: broker.brokers })))).toContain(check);
  });
});
