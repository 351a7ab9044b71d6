import { systemClock } from '../../runtime/clock.ts';
import { openDuckDbReader } from '../../warehouse/duckdb/reader.ts';

/** The contents of `bronze.raw_movies`, or of another table with its columns, in a comparable form. */
export async function moviesInFile(
  path: string,
  table = 'raw_movies',
): Promise<{ readonly rows: number; readonly hash: string }> {
  await using reader = await openDuckDbReader({ path, lockWaitMs: 10_000, clock: systemClock });
  const [content] = await reader.query(`
    select count(*) as rows, count(distinct movie_id) as movies,
           cast(bit_xor(md5_number(concat_ws(' ', movie_id, raw_data, source_url, http_status))) as varchar) as hash
      from bronze.${table}`);
  return { rows: Number(content?.['rows']), hash: JSON.stringify(content) };
}
