import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe } from 'vitest';
import { systemClock } from '../../runtime/clock.ts';
import { openSnowflakeReader } from '../../warehouse/snowflake/reader.ts';
import type { SnowflakeSettings } from '../../warehouse/snowflake/session.ts';
import { snowflakeAccount } from '../support/snowflake/account.ts';
import { SnowflakeEmulator } from '../support/snowflake/emulator.ts';
import { openUnderTest } from '../support/snowflake/fixture.ts';
import { readerContract } from '../support/warehouse/reader-contract.ts';
import { warehouseContract } from '../support/warehouse/warehouse-contract.ts';

let emulator: SnowflakeEmulator;
let databases = 0;

/** Snowflake does not document its limit. The emulator's parser accepts a thousand levels. */
const depth = 500;

beforeAll(async () => {
  emulator = await SnowflakeEmulator.start();
});
afterAll(() => emulator[Symbol.asyncDispose]());

const openToRead = async (target: SnowflakeSettings) => ({
  ...(await openUnderTest(target, Number.POSITIVE_INFINITY)),
  openReader: async () => openSnowflakeReader({ settings: target, clock: systemClock, stage: 'read' }),
});

const settings = () => emulator.settings({ database: `CONTRACT_${++databases}` });

warehouseContract('Snowflake by array binds', () => openUnderTest(settings(), Number.POSITIVE_INFINITY), depth);
warehouseContract('Snowflake by files', () => openUnderTest(settings(), 1), depth);

readerContract('Snowflake', () => openToRead(settings()));

const account = snowflakeAccount();
const ofAccount = (): SnowflakeSettings => ({
  ...(account as SnowflakeSettings),
  database: `TMDB_STREAM_TEST_${randomBytes(4).toString('hex').toUpperCase()}`,
});

describe.skipIf(account === null)('on a real account', () => {
  warehouseContract('Snowflake by array binds', () => openUnderTest(ofAccount(), Number.POSITIVE_INFINITY), depth);
  warehouseContract('Snowflake by files', () => openUnderTest(ofAccount(), 1), depth);
  readerContract('Snowflake', () => openToRead(ofAccount()));
});
