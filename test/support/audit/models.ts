import { existsSync } from 'node:fs';
import { expiredDocument } from '../../../warehouse/expiry.ts';
import type { Findings, Rows } from './audit.ts';
import { type CountedMovie, isMoneyKnown, marts } from './marts.ts';

/** A movie from the newest of its rows in BRONZE. */
export interface Newest {
  readonly movieId: number;
  /** TMDb's last answer says that the movie does not exist, or it has expired. */
  readonly isGone: boolean;
  /** Its newest document; null if the first answer was a 404. */
  readonly document: Document | null;
  /** When TMDb gave that document, in microseconds since 1970; null where there is none. */
  readonly answeredAt: bigint | null;
  /** When TMDb gave its first document. */
  readonly firstSeenAt: bigint | null;
}

/** The fields of a document that are compared. */
interface Document {
  readonly imdb_id?: string | null;
  readonly title: string;
  readonly original_title: string;
  readonly belongs_to_collection?: { readonly name: string } | null;
  readonly poster_path?: string | null;
  readonly overview?: string | null;
  readonly tagline?: string | null;
  readonly production_countries?: readonly { readonly iso_3166_1: string }[];
  readonly spoken_languages?: readonly { readonly iso_639_1: string }[];
  readonly status: string;
  readonly adult?: boolean | null;
  readonly video?: boolean | null;
  readonly softcore?: boolean | null;
  readonly original_language: string;
  readonly release_date: string;
  readonly runtime: number | null;
  readonly budget: number;
  readonly revenue: number;
  readonly popularity: number;
  readonly vote_average: number;
  readonly vote_count: number;
  readonly genres: readonly { readonly id: number; readonly name: string }[];
}

interface Answer {
  readonly movieId: number;
  readonly status: number;
  /** Whether a purge has removed its document. */
  readonly isExpired: boolean;
  /** The order of answers: fetched_at, then load_seq, then kafka_offset. */
  readonly order: readonly bigint[];
  readonly place: string;
}

/** TMDb's codes for a movie that does not exist; a 404 without one of them says nothing about the movie. */
const goneCodes = [34, 6, 37];

/** The newest answer and the newest document of each movie, found here from all rows of BRONZE. */
export async function newestOf(rows: Rows): Promise<Newest[]> {
  const answers = new Map<number, Answer>();
  const documents = new Map<number, Answer>();
  const firstSeen = new Map<number, bigint>();
  for (const answer of await answersIn(rows)) {
    keepNewer(answers, answer);
    if (answer.status !== 200) continue;
    keepNewer(documents, answer);
    const [fetchedAt = 0n] = answer.order;
    const earliest = firstSeen.get(answer.movieId);
    if (earliest === undefined || fetchedAt < earliest) firstSeen.set(answer.movieId, fetchedAt);
  }
  const bodies = await bodiesOf(rows, [...documents.values()]);
  return [...answers.values()].map(({ movieId, status, isExpired }) => {
    const described = documents.get(movieId);
    const document = described && !described.isExpired ? (bodies.get(described.place) ?? null) : null;
    const answeredAt = described?.order[0] ?? null;
    return {
      movieId,
      isGone: status !== 200 || isExpired,
      document,
      answeredAt,
      firstSeenAt: firstSeen.get(movieId) ?? null,
    };
  });
}

async function answersIn(rows: Rows): Promise<Answer[]> {
  const all = await rows(`
    select movie_id, http_status, epoch_us(fetched_at) as fetched_at, load_seq, kafka_offset, kafka_partition,
           case when http_status <> 200 then raw_data::varchar end as error,
           raw_data::varchar = '${expiredDocument}' as is_expired
      from bronze.raw_movies
     where movie_id > 0 and fetched_at <= least(ingested_at, current_timestamp::timestamp) + interval 1 hour`);
  return all.flatMap((row) => {
    const [status, error] = [Number(row['http_status']), row['error']];
    const isExpired = row['is_expired'] === true;
    if (status !== 200 && !isExpired && !(typeof error === 'string' && isGone(status, error))) return [];
    const order = ['fetched_at', 'load_seq', 'kafka_offset'].map((column) => row[column] as bigint);
    const place = `(${row['load_seq']}, ${row['kafka_partition']}, ${row['kafka_offset']})`;
    return [{ movieId: Number(row['movie_id']), status, isExpired, order, place }];
  });
}

const isGone = (status: number, error: string): boolean =>
  (status === 404 || status === 410) &&
  goneCodes.includes(Number((JSON.parse(error) as { status_code?: unknown }).status_code));

function keepNewer(newest: Map<number, Answer>, answer: Answer): void {
  const other = newest.get(answer.movieId);
  const difference = other?.order.findIndex((part, index) => part !== answer.order[index]) ?? 0;
  const isNewer = !other || (difference >= 0 && (answer.order[difference] ?? 0n) > (other.order[difference] ?? 0n));
  if (isNewer) newest.set(answer.movieId, answer);
}

const bodiesAtOnce = 2_000;

async function bodiesOf(rows: Rows, answers: readonly Answer[]): Promise<Map<string, Document>> {
  const bodies = new Map<string, Document>();
  for (let from = 0; from < answers.length; from += bodiesAtOnce) {
    const places = answers.slice(from, from + bodiesAtOnce).map(({ place }) => place);
    const found = await rows(`
      select load_seq, kafka_partition, kafka_offset, raw_data::varchar as body
        from bronze.raw_movies where (load_seq, kafka_partition, kafka_offset) in (${places.join(', ')})`);
    for (const row of found) {
      const place = `(${row['load_seq']}, ${row['kafka_partition']}, ${row['kafka_offset']})`;
      bodies.set(place, JSON.parse(String(row['body'])) as Document);
    }
  }
  return bodies;
}

type Values = Readonly<Record<string, unknown>>;

const positive = (value: number | null | undefined): number | null => (value && value > 0 ? value : null);
const text = (value: string | null | undefined): string | null => (value?.trim() ? value : null);
const dayOf = (microseconds: bigint): string => new Date(Number(microseconds / 1000n)).toISOString().slice(0, 10);

/** Released by its status, and not later than the day of the answer. */
const isReleased = ({ document, answeredAt }: Newest): boolean =>
  document?.status === 'Released' && (document.release_date || '') <= dayOf(answeredAt ?? 0n);

/** The expected values of a movie in SILVER and GOLD, from its document. */
function valuesOf(movie: Newest): Values {
  const { movieId, document } = movie;
  const votes = document?.vote_count ?? null;
  return {
    movie_id: movieId,
    title: text(document?.title),
    original_language: text(document?.original_language),
    release_date: text(document?.release_date),
    runtime_minutes: positive(document?.runtime),
    budget_usd: positive(document?.budget),
    revenue_usd: positive(document?.revenue),
    popularity: document?.popularity ?? null,
    vote_average: votes === 0 ? null : positive(document?.vote_average),
    vote_count: votes,
    adult: document?.adult ?? null,
    video: document?.video ?? null,
    softcore: document?.softcore ?? null,
    is_released: isReleased(movie),
  };
}

/** The expected values of a movie in the marts, from its document. */
function countedOf(movie: Newest): CountedMovie {
  const { movieId, document } = movie;
  const values = valuesOf(movie);
  const year = text(document?.release_date)?.slice(0, 4);
  const amount = (value: number | null | undefined) => (value && value > 0 ? BigInt(value) : null);
  return {
    movieId,
    answeredAt: movie.answeredAt ?? 0n,
    genreIds: genresOf(document),
    isReleasedFeature: isReleased(movie) && !document?.adult && !document?.video && !document?.softcore,
    budget: amount(document?.budget),
    revenue: amount(document?.revenue),
    voteAverage: values['vote_average'] as number | null,
    voteCount: values['vote_count'] as number | null,
    popularity: values['popularity'] as number | null,
    releaseYear: year === undefined ? null : Number(year),
  };
}

/** A5: SILVER is the newest answer of each movie, and nothing else. */
export async function compareSilver(rows: Rows, newest: readonly Newest[], findings: Findings): Promise<void> {
  const silver = await rows(`
    select movie_id, is_deleted, title, original_language, release_date::varchar as release_date, runtime_minutes,
           budget_usd, revenue_usd, popularity, vote_average, vote_count, adult, video, softcore, is_released
      from silver.silver_movies`);
  const wanted = newest.map((movie) => ({ ...valuesOf(movie), is_deleted: movie.isGone }));
  compare('A5', 'silver_movies', silver, wanted, findings);
  const genres = await rows('select movie_id, genre_id, position from silver.silver_movie_genres');
  const listed = newest.flatMap(({ movieId, document }) =>
    genresOf(document).map((genre_id, index) => ({ movie_id: movieId, genre_id, position: index + 1 })),
  );
  compare('A5', 'silver_movie_genres', genres, listed, findings);
}

/** Each once, in order. */
const genresOf = (document: Document | null): number[] => [
  ...new Set((document?.genres ?? []).map(({ id }) => id).filter((id) => id > 0)),
];

/** A6: the facts are the existing movies, and each row of each mart follows from them. */
export async function compareGold(rows: Rows, newest: readonly Newest[], findings: Findings): Promise<void> {
  const alive = newest.filter(({ isGone }) => !isGone);
  const facts = await rows(`
    select movie_id, title, revenue_usd, budget_usd, profit_usd, vote_average, vote_count, popularity, adult, video,
           softcore, is_released, is_released_feature, is_money_known, epoch_us(answered_at) as answered_at,
           release_date::varchar as release_date
      from gold.fact_movies`);
  compare('A6', 'fact_movies', facts, alive.map(factOf), findings);
  const described = await rows(`
    select * exclude (movie_sk, _run_seq)
           replace (epoch_us(first_seen_at) as first_seen_at, epoch_us(answered_at) as answered_at) from gold.dim_movies`);
  compare('A6', 'dim_movies', described, alive.map(descriptionOf), findings);
  await compareMembers(rows, alive, findings);
  const counted = alive.map(countedOf);
  for (const { table, sql, rowsOf } of marts) compare('A6', table, await rows(sql), rowsOf(counted), findings);
}

/** The bridges to countries and languages, as one row per movie and code; null for the unknown member. */
async function compareMembers(rows: Rows, alive: readonly Newest[], findings: Findings): Promise<void> {
  const lists: readonly (readonly [string, string, (document: Document | null) => readonly string[]])[] = [
    ['countries', 'country', (document) => (document?.production_countries ?? []).map((one) => one.iso_3166_1)],
    ['languages', 'language', (document) => (document?.spoken_languages ?? []).map((one) => one.iso_639_1)],
  ];
  for (const [members, member, codesOf] of lists) {
    const bridge = await rows(`select movie_id, ${member}_code as code, position from gold.bridge_movie_${members}
      join gold.dim_${members} using (${member}_sk)`);
    const wanted = alive.flatMap(({ movieId, document }) => {
      const codes = [...new Set(codesOf(document).filter((code) => code.length === 2))];
      const listed = codes.length > 0 ? codes : [null];
      return listed.map((code, index) => ({ movie_id: movieId, code, position: index + 1 }));
    });
    compare('A6', `bridge_movie_${members}`, bridge, wanted, findings);
  }
}

const titleOf = ({ document, movieId }: Newest): string =>
  text(document?.title) ?? text(document?.original_title) ?? `Movie ${movieId}`;

function descriptionOf(movie: Newest): Values {
  const { document, movieId } = movie;
  return {
    movie_id: movieId,
    imdb_id: text(document?.imdb_id),
    title: titleOf(movie),
    original_title: text(document?.original_title),
    original_language: text(document?.original_language),
    status: text(document?.status),
    is_released: isReleased(movie),
    runtime: positive(document?.runtime),
    adult: document?.adult ?? false,
    video: document?.video ?? false,
    softcore: document?.softcore ?? false,
    collection: text(document?.belongs_to_collection?.name),
    poster_path: text(document?.poster_path),
    overview: text(document?.overview),
    tagline: text(document?.tagline),
    first_seen_at: movie.firstSeenAt,
    answered_at: movie.answeredAt,
  };
}

function factOf(movie: Newest): Values {
  const { movie_id, revenue_usd, budget_usd, vote_average, vote_count, popularity, is_released } = valuesOf(movie);
  const { document } = movie;
  const [revenue, budget] = [revenue_usd as number | null, budget_usd as number | null];
  return {
    movie_id,
    title: titleOf(movie),
    revenue_usd,
    budget_usd,
    profit_usd: revenue === null || budget === null ? null : revenue - budget,
    vote_average,
    vote_count,
    popularity,
    adult: document?.adult ?? false,
    video: document?.video ?? false,
    softcore: document?.softcore ?? false,
    is_released,
    is_released_feature: countedOf(movie).isReleasedFeature,
    is_money_known: isMoneyKnown(countedOf(movie)),
    answered_at: movie.answeredAt,
    release_date: text(document?.release_date),
  };
}

/** A6: the copy that readers open has every table of GOLD, row by row. */
export async function comparePublished(rows: Rows, path: string, findings: Findings): Promise<void> {
  if (!existsSync(path)) return;
  await rows(`attach '${path.replaceAll("'", "''")}' as published (read_only)`);
  const tables = await rows(`select table_name from information_schema.tables where table_schema = 'gold'
    and table_catalog = current_database()`);
  for (const { table_name: table } of tables) {
    const [counted = {}] = await rows(`
      select (select count(*) from (from gold."${table}" except all from published.gold."${table}")) as unpublished,
             (select count(*) from (from published.gold."${table}" except all from gold."${table}")) as outdated`);
    if (counted['unpublished'] || counted['outdated']) {
      findings.add('A6', `${table} as published`, [
        `${counted['unpublished']} missing, ${counted['outdated']} outdated`,
      ]);
    }
  }
}

/** Both directions, as sets of rows. */
function compare(
  check: string,
  table: string,
  there: readonly Values[],
  wanted: readonly Values[],
  findings: Findings,
): void {
  const [columns = []] = wanted.map(Object.keys);
  const textOf = (values: Values) => JSON.stringify(columns.map((column) => plain(values[column])));
  const [inTable, asComputed] = [there.map(textOf), wanted.map(textOf)];
  findings.add(check, `${table}: rows that should not be there`, without(inTable, asComputed));
  findings.add(check, `${table}: rows that are missing`, without(asComputed, inTable));
}

/** The elements that `all` has more often than `others`. */
function without(all: readonly string[], others: readonly string[]): string[] {
  const left = new Map<string, number>();
  for (const one of others) left.set(one, (left.get(one) ?? 0) + 1);
  return all.filter((one) => {
    const count = left.get(one) ?? 0;
    left.set(one, count - 1);
    return count <= 0;
  });
}

const plain = (value: unknown): unknown => (typeof value === 'bigint' ? Number(value) : value);
