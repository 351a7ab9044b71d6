import { expect, it } from 'vitest';
import { observe } from '../../../warehouse/snowflake/provision/observe.ts';
import { names } from '../../support/snowflake/provision-settings.ts';

/** Snowflake's answers for a database whose retention is 1, with a schema and tables that have others. */
const answers: readonly (readonly [RegExp, Record<string, unknown>[]])[] = [
  [/^show databases/, [{ name: names.database, retention_time: '1' }]],
  [
    /^show schemas/,
    [
      { name: 'BRONZE', retention_time: '1' },
      { name: 'SILVER', retention_time: '7' },
    ],
  ],
  [
    /^show tables in schema .*BRONZE/,
    [
      { name: 'RAW_MOVIES', retention_time: '30' },
      { name: 'RAW_GENRES', retention_time: '1' },
    ],
  ],
];
const query = async (sql: string) => answers.find(([pattern]) => pattern.test(sql))?.[1] ?? [];

it('a longer Time Travel of a schema or table is observed, but not one that it inherits', async () => {
  const { objects } = await observe(query, names);
  const retentions = [...objects].map(([label, properties]) => [label, properties['data_retention_time_in_days']]);
  expect(Object.fromEntries(retentions)).toEqual({
    [`database ${names.database}`]: '1',
    [`schema ${names.database}.BRONZE`]: '',
    [`schema ${names.database}.SILVER`]: '7',
    [`table ${names.database}.BRONZE.RAW_MOVIES`]: '30',
    [`table ${names.database}.BRONZE.RAW_GENRES`]: '',
  });
});
