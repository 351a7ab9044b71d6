import { expect, it } from 'vitest';
import { DbtError } from '../../../lib/dbt/dbt-error.ts';
import { transformState } from '../../../lib/dbt/transform-state.ts';
import { WarehouseFile } from './support/warehouse-file.ts';

it('names the model that failed and why, and is due again', async () => {
  await using file = await WarehouseFile.create();
  await file.dbt({ vars: { project_fingerprint: 'f' } });
  await file.query('drop table bronze.raw_genres');

  const error = await file.dbt({ vars: { project_fingerprint: 'f' } }).catch((caught: unknown) => caught);
  expect(error).toBeInstanceOf(DbtError);
  expect(error).toMatchObject({
    retriable: false,
    message: expect.stringMatching(/silver_genres: [\s\S]*raw_genres/),
    summary: { status: 'failed', failures: [{ name: 'silver_genres' }] },
  });
  expect(await transformState((sql) => file.query(sql), 'f')).toMatchObject({ due: true, reason: 'last run failed' });
});

it('stops dbt when it is told to, and leaves the file free', async () => {
  await using file = await WarehouseFile.create();
  const controller = new AbortController();
  const stopped = file.dbt({ signal: controller.signal, onProgress: () => controller.abort(new Error('enough')) });
  await expect(stopped).rejects.toThrow('enough');
  expect(await file.query('select 1 as free')).toEqual([{ free: 1 }]);
});

it('says that a file in use is worth another try', async () => {
  await using file = await WarehouseFile.create();
  const error = await file.whileOpen(() => file.dbt()).catch((caught: unknown) => caught);
  expect(error).toBeInstanceOf(DbtError);
  expect(error).toMatchObject({ retriable: true, summary: null });
});
