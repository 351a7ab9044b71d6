import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe } from 'vitest';
import { Secret } from '../../lib/secret.ts';
import type { SnowflakeSettings } from '../../lib/warehouse/snowflake/session.ts';
import { SnowflakeEmulator } from '../support/snowflake.ts';
import { snowflakeAccount } from '../support/snowflake-account.ts';
import { openUnderTest } from './support/snowflake-ground.ts';
import { warehouseContract } from './support/warehouse-contract.ts';

let emulator: SnowflakeEmulator;
let databases = 0;

/** Snowflake's limit is documented nowhere; the emulator's parser goes no deeper than a thousand. */
const depth = 500;

beforeAll(async () => {
  emulator = await SnowflakeEmulator.start();
});
afterAll(() => emulator[Symbol.asyncDispose]());

const settings = (): SnowflakeSettings => ({
  account: 'fakesnow',
  user: 'loader',
  credentials: { kind: 'token', token: new Secret('made-up') },
  role: undefined,
  database: `CONTRACT_${++databases}`,
  ingestWarehouse: 'LECTURE_INGEST_WH',
  transformWarehouse: 'LECTURE_TRANSFORM_WH',
  url: emulator.url,
  timeoutMs: 20_000,
});

warehouseContract('Snowflake by array binds', () => openUnderTest(settings(), Number.POSITIVE_INFINITY), depth);
warehouseContract('Snowflake by files', () => openUnderTest(settings(), 1), depth);

const account = snowflakeAccount();
const ofAccount = (): SnowflakeSettings => ({
  ...(account as SnowflakeSettings),
  database: `TMDB_STREAM_TEST_${randomBytes(4).toString('hex').toUpperCase()}`,
});

describe.skipIf(account === null)('on a real account', () => {
  warehouseContract('Snowflake by array binds', () => openUnderTest(ofAccount(), Number.POSITIVE_INFINITY), depth);
  warehouseContract('Snowflake by files', () => openUnderTest(ofAccount(), 1), depth);
});
