import { expect, it } from 'vitest';
import { WarehouseFile } from '../../support/dbt/warehouse-file.ts';
import { usualDocument, wrongTypes } from '../../support/dbt/wrong-types.ts';

it('[R90] names each field and each list element with a value of a wrong type, and reads all other values of the movie', async () => {
  await using file = await WarehouseFile.create();
  const cases = wrongTypes(1_000);
  await file.load(1, [usualDocument(1), ...cases.map(({ record }) => record)]);
  expect(await file.dbt()).toMatchObject({ status: 'warned', failures: [] });

  const rows = await file.query(`select * replace (cast(release_date as varchar) as release_date)
    from silver.silver_movies`);
  const silver = new Map(rows.map((row) => [Number(row['movie_id']), row]));
  const usual = silver.get(1) ?? {};
  expect(usual['unusable_fields']).toBeNull();
  for (const { record, unusable, column, others } of cases) {
    const row = silver.get(record.movieId) ?? {};
    const what = String(record.body);
    expect(row['unusable_fields'], what).toBe(unusable);
    // The other elements of a list with an unusable element are used.
    if (unusable !== null && !unusable.includes('[]')) expect(row[column], what).toBeNull();
    for (const other of others) expect(row[other], `${other} of ${what}`).toEqual(usual[other]);
  }
  // No movie is lost, and none is without a title.
  const [gold] = await file.query(`select count(*) as movies, count(*) filter (trim(title) <> '') as titles
    from gold.fact_movies`);
  expect(gold).toEqual({ movies: String(cases.length + 1), titles: String(cases.length + 1) });
});
