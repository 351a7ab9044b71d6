import type { MovieRecord } from './warehouse-file.ts';

/** An answer as BRONZE received it: `seq` is the number of its batch. */
export interface Loaded extends MovieRecord {
  readonly seq: number;
  readonly offset: number;
}

type Values = Readonly<Record<string, string | number | null>>;

export interface Version {
  readonly movieId: number;
  readonly version: number;
  readonly from: number;
  readonly to: number | null;
  readonly isDeleted: boolean;
  readonly values: Values;
  readonly changed: readonly string[] | null;
}

const text = (value: unknown) => (typeof value === 'string' && value !== '' ? value : null);
const amount = (value: unknown) => (typeof value === 'number' && value > 0 ? value : null);

/** The tracked values of a document, by the column's name. */
function trackedValues(body: unknown): Values {
  const movie = body as Record<string, unknown>;
  return {
    title: text(movie['title']),
    original_title: text(movie['original_title']),
    status: text(movie['status']),
    release_date: text(movie['release_date']),
    runtime_minutes: amount(movie['runtime']),
    budget_usd: amount(movie['budget']),
    revenue_usd: amount(movie['revenue']),
  };
}

const isMissing = ({ status, body }: MovieRecord) =>
  (status === 404 || status === 410) && [6, 34, 37].includes((body as { status_code?: number }).status_code ?? 0);
const isAnswer = (record: MovieRecord) => (record.status ?? 200) === 200 || isMissing(record);

/** The answers of each movie in the order of their time. Of two at the same moment, the one of the later batch counts. */
function answersByMovie(loaded: readonly Loaded[]): Map<number, Loaded[]> {
  const movies = new Map<number, Map<number, Loaded>>();
  for (const record of [...loaded].sort((a, b) => a.seq - b.seq || a.offset - b.offset)) {
    if (!isAnswer(record)) continue;
    const answers = movies.get(record.movieId) ?? new Map<number, Loaded>();
    movies.set(record.movieId, answers.set(record.fetchedAt, record));
  }
  return new Map(
    [...movies].map(([id, answers]) => [id, [...answers.values()].sort((a, b) => a.fetchedAt - b.fetchedAt)]),
  );
}

/** The history of one movie, computed answer by answer. */
function versionsOf(movieId: number, answers: readonly Loaded[]): Version[] {
  const versions: Version[] = [];
  let values = trackedValues({});
  for (const answer of answers) {
    const isDeleted = isMissing(answer);
    if (!isDeleted) values = trackedValues(answer.body);
    const before = versions.at(-1);
    const changed = before && [
      ...(before.isDeleted === isDeleted ? [] : ['is_deleted']),
      ...Object.keys(values).filter((column) => values[column] !== before.values[column]),
    ];
    if (changed?.length === 0) continue;
    if (before) versions[versions.length - 1] = { ...before, to: answer.fetchedAt };
    const version = versions.length + 1;
    versions.push({ movieId, version, from: answer.fetchedAt, to: null, isDeleted, values, changed: changed ?? null });
  }
  return versions;
}

export const expectedHistory = (loaded: readonly Loaded[]): Version[] =>
  [...answersByMovie(loaded)].sort(([a], [b]) => a - b).flatMap(([id, answers]) => versionsOf(id, answers));

export interface DailyValues {
  readonly movieId: number;
  readonly day: number;
  readonly fetchedAt: number;
  readonly votes: number | null;
  readonly popularity: number | null;
  readonly revenue: number | null;
}

const daySeconds = 86_400;
const known = (value: unknown) => (typeof value === 'number' ? value : null);

/** The last document of each movie and day. No votes are known votes, and no revenue is unknown. */
export function expectedDaily(loaded: readonly Loaded[]): DailyValues[] {
  const days = new Map<string, DailyValues>();
  for (const [movieId, answers] of [...answersByMovie(loaded)].sort(([a], [b]) => a - b))
    for (const { fetchedAt, body, status } of answers) {
      if ((status ?? 200) !== 200) continue;
      const day = Math.floor(fetchedAt / daySeconds);
      const movie = body as Record<string, unknown>;
      const [votes, popularity] = [known(movie['vote_count']), known(movie['popularity'])];
      days.set(`${movieId} ${day}`, { movieId, day, fetchedAt, votes, popularity, revenue: amount(movie['revenue']) });
    }
  return [...days.values()];
}

export interface Mover {
  readonly movieId: number;
  readonly gain: number;
}

/** The best 100 of `features` by the gain of a value within the last days. */
export function expectedMovers(
  daily: readonly DailyValues[],
  value: 'votes' | 'popularity' | 'revenue',
  span: number,
  features: ReadonlySet<number>,
): Mover[] {
  const newest = Math.max(...daily.map(({ day }) => day));
  const inSpan = daily.filter((row) => row.day >= newest - span && row[value] !== null);
  const movers = [...features].map((movieId): Mover => {
    const values = inSpan.filter((row) => row.movieId === movieId).map((row) => row[value] ?? 0);
    return { movieId, gain: (values.at(-1) ?? 0) - (values[0] ?? 0) };
  });
  return movers
    .filter(({ gain }) => gain > 0)
    .sort((a, b) => b.gain - a.gain || a.movieId - b.movieId)
    .slice(0, 100);
}
