import { expect, it } from 'vitest';
import { FileError } from '../../../runtime/file-error.ts';
import { isOfPurgeOnly } from '../../../transform/purge.ts';
import { SnowflakeError } from '../../../warehouse/snowflake/errors.ts';
import { WarehouseUnavailableError } from '../../../warehouse/warehouse.ts';

it.each([
  [new SnowflakeError('SQL access control error: insufficient privileges', '003001'), true],
  [new Error('a defect'), true],
  [new WarehouseUnavailableError('no answer'), false],
  [new FileError('ENOSPC', 'no space left on its disk'), false],
])('a purge that failed with %s stops no build: %s', (error, isOfPurge) => {
  expect(isOfPurgeOnly(error)).toBe(isOfPurge);
});
