import type { Drift } from '../transform/drift.ts';
import type { GoldRow } from '../warehouse/gold-reader.ts';
import { plainRow } from '../warehouse/plain-row.ts';
import type { Column } from './figure.ts';
import type { Unit } from './format.ts';
import { type Html, html } from './html.ts';
import { cell, rowsTable, timeView } from './table.ts';

type Row = Readonly<Record<string, unknown>>;

/** As `dead-letters/summary.ts` makes it. */
interface LetterGroup {
  readonly reason: string;
  readonly topic: string;
  readonly open: number;
  readonly oldestFailedAt: Date;
  readonly newestFailedAt: Date;
  readonly outcomes: Readonly<Partial<Record<string, number>>>;
  readonly why: string | null;
  readonly notSimulated: number;
}

/** As `coverage` computes it. */
interface Coverage {
  readonly readAt: Date;
  readonly export: { readonly share: number | null; readonly missing: number; readonly exportedAt: Date } | null;
  readonly known: number;
  readonly fetched: number;
  readonly gone: number;
  readonly expired: number;
  readonly neverFetched: number;
  readonly parked: number;
  readonly answerAge: { readonly p50Seconds: number; readonly p99Seconds: number; readonly maxSeconds: number } | null;
  readonly advice: readonly string[];
}

/** What `status --json` prints, as far as the page shows it, with drift, coverage and dead letters. A part that could not be read is null, and `errors` has the reason. */
export interface OperationsStatus {
  readonly readAt: Date;
  readonly topics: readonly Row[] | null;
  readonly tokens: Row | null;
  readonly layers: readonly Row[] | null;
  readonly lastFlush: Row | null;
  readonly lastDbtRun: (Row & { readonly failures: readonly Row[] }) | null;
  /** Why the next run of dbt builds. */
  readonly nextBuild: string | null;
  readonly lastDayAtSnowflake: Row | null;
  /** The open dead letters by reason and topic, with what becomes of them if they are sent back now. */
  readonly deadLetters: readonly LetterGroup[] | null;
  /** What differs between TMDb's documents and the pinned shape; null if no run of dbt has compared them. */
  readonly drift: Drift | null;
  /** The last report of `coverage`; null before the first. */
  readonly coverage: Coverage | null;
  readonly errors: readonly { readonly part: string; readonly message: string }[];
}

/** Reads the status. @throws if not even a part of it can be read. */
export type ReadOperations = () => Promise<OperationsStatus>;

/**
 * Reads at most once at a time, and not again while the last value is fresh. @param now milliseconds of a clock that never goes back.
 * @param freshMs how long (ms) a value is shown to further visitors.
 */
export function shared<Value>(read: () => Promise<Value>, now: () => number, freshMs: number): () => Promise<Value> {
  let last: { readonly at: number; readonly value: Promise<Value> } | undefined;
  return () => {
    if (last && now() - last.at < freshMs) return last.value;
    const value = read();
    const current = { at: now(), value };
    last = current;
    value.catch(() => {
      if (last === current) last = undefined;
    });
    return value;
  };
}

const column = (key: string, label: string, unit: Unit): Column => ({ key, label, unit });

const topicColumns = [
  column('topic', 'Topic', 'text'),
  column('records', 'Records', 'count'),
  column('consumer', 'Consumer', 'text'),
  column('waiting', 'Waiting', 'count'),
  column('oldestWaitingSeconds', 'Oldest waiting', 'seconds'),
];
const tokenColumns = [
  column('left', 'Requests that could be sent now', 'count'),
  column('capacity', 'Requests in a window', 'count'),
  column('windowSeconds', 'Window', 'seconds'),
  column('pausedSeconds', 'Pause after an answer of 429', 'seconds'),
  column('requestsWaiting', 'Requests that wait', 'count'),
];
const layerColumns = [
  column('layer', 'Layer', 'text'),
  column('changedAt', 'Changed', 'time'),
  column('ageSeconds', 'Age', 'seconds'),
  column('rowsLoaded', 'Rows loaded', 'count'),
  column('batches', 'Batches', 'count'),
];
const flushColumns = [
  column('loadedAt', 'Committed', 'time'),
  column('rows', 'Rows', 'count'),
  column('batches', 'Batches', 'count'),
  column('bytes', 'Bytes', 'count'),
];
const dbtColumns = [
  column('command', 'Command', 'text'),
  column('status', 'Outcome', 'text'),
  column('startedAt', 'Started', 'time'),
  column('finishedAt', 'Ended', 'time'),
  column('isFullRefresh', 'From scratch', 'yes or no'),
  column('models', 'Models', 'count'),
  column('testsPassed', 'Tests passed', 'count'),
  column('testsWarned', 'Tests warned', 'count'),
  column('failed', 'Failed', 'count'),
  column('nextBuild', 'Next run', 'text'),
];
const letterColumns = [
  column('reason', 'Reason', 'text'),
  column('topic', 'Topic', 'text'),
  column('open', 'Open', 'count'),
  column('oldestFailedAt', 'Oldest', 'time'),
  column('newestFailedAt', 'Newest', 'time'),
  column('redrive', 'Redrive, dry run', 'text'),
];

/** What becomes of a record, by the outcome of the dry run. */
const outcomeTexts: Readonly<Record<string, string>> = {
  load: 'loaded',
  fetch: 'fetched',
  skip: 'skipped',
  park: 'parked again',
  refuse: 'refused',
};

function redriveText({ outcomes, why, notSimulated }: LetterGroup): string {
  const counts = Object.entries(outcomes).map(([outcome, number]) => `${number} ${outcomeTexts[outcome] ?? outcome}`);
  const rest = notSimulated > 0 ? [`${notSimulated} older ones not simulated`] : [];
  return [...counts, ...rest].join(', ') + (why === null ? '' : `: ${why}`);
}

const driftColumns: readonly Column[] = [
  column('kind', 'Kind', 'text'),
  column('path', 'Path', 'text'),
  column('jsonType', 'JSON type', 'text'),
  column('text', 'Text', 'text'),
  column('occurrences', 'Values', 'count'),
  column('firstSeenAt', 'First seen', 'time'),
  column('lastSeenAt', 'Last seen', 'time'),
  column('isRecent', 'Recent', 'yes or no'),
  { ...column('exampleMovieId', 'Example', 'text'), link: (row) => `/movies/${row['exampleMovieId']}` },
];

/** The newest findings. A document can have thousands of unknown texts. */
const mostFindings = 50;

function driftView({ findings }: Drift): Html {
  if (findings.length === 0) return html`<p>TMDb's documents have the pinned shape.</p>`;
  const rest = findings.length - mostFindings;
  return html`${tableOf('Drift', driftColumns, findings.slice(0, mostFindings))}${rest > 0 && html`<p>Not shown: ${rest} older. For all, run <code>npx tmdb-stream drift</code></p>`}`;
}

const coverageColumns = [
  column('known', 'Known movies', 'count'),
  column('fetched', 'Fetched', 'count'),
  column('gone', 'Gone from TMDb', 'count'),
  column('expired', 'Expired', 'count'),
  column('neverFetched', 'Never fetched', 'count'),
  column('parked', 'Of these, parked', 'count'),
  column('exportedAt', 'Newest export', 'time'),
  column('coveredPct', 'Of its movies, answered', 'percent'),
  column('missing', 'Of its movies, missing', 'count'),
  column('p50Seconds', 'Median age of the newest answers', 'seconds'),
  column('p99Seconds', '99 % are at most this old', 'seconds'),
  column('maxSeconds', 'The oldest', 'seconds'),
];

function coverageView({ readAt, export: newest, answerAge, advice, ...counts }: Coverage): Html {
  const share = newest?.share ?? null;
  // Rounded down: 100 % means that no movie is missing.
  const coveredPct = share === null ? null : Math.floor(share * 10_000) / 100;
  return html`<p>Read at ${timeView(readAt)} by <code>npx tmdb-stream coverage</code>.</p>
    ${detailsOf(coverageColumns, { ...counts, ...newest, ...answerAge, coveredPct })}
    ${advice.length > 0 && html`<ul>${advice.map((text) => html`<li>${text}</li>`)}</ul>`}`;
}

const failureColumns = [
  column('name', 'Model or test', 'text'),
  column('kind', 'Kind', 'text'),
  column('status', 'Outcome', 'text'),
  column('failures', 'Rows', 'count'),
];
const costColumns = [
  column('flushes', 'Flushes', 'count'),
  column('rowsPerFlush', 'Rows per flush', 'score'),
  column('dbtRuns', 'Runs of dbt', 'count'),
  column('secondsAwake', 'Virtual warehouse time', 'seconds'),
  column('estimatedCredits', 'Credits, estimated', 'credits'),
  column('creditsPer1000Movies', 'Credits per 1,000 movies', 'credits'),
];

/** The page with all parts of the status. */
export function operationsView(status: OperationsStatus): Html {
  const errorOf = (part: string) => status.errors.find((error) => error.part === part)?.message;
  const section = (title: string, part: string, content: Html | null): Html => {
    const error = errorOf(part);
    const missing = error === undefined ? html`<p>Nothing yet.</p>` : html`<p>Cannot be read: ${error}</p>`;
    const partly = error !== undefined && content !== null && html`<p>Partly unknown: ${error}</p>`;
    return html`<section class="card"><h2>${title}</h2>${content ?? missing}${partly}</section>`;
  };
  const list = (title: string, part: string, columns: readonly Column[], rows: readonly Row[] | null): Html =>
    section(title, part, rows && rows.length > 0 ? tableOf(title, columns, rows) : null);
  const one = (title: string, part: string, columns: readonly Column[], row: Row | null): Html =>
    section(title, part, row && detailsOf(columns, row));
  const { topics, tokens, layers, lastFlush, lastDbtRun, nextBuild, lastDayAtSnowflake, deadLetters, drift, coverage } =
    status;
  const letters = deadLetters?.map((group) => ({ ...group, redrive: redriveText(group) })) ?? null;
  const failures = lastDbtRun?.failures ?? [];
  return html`<p>What <code>tmdb-stream status</code> shows, read at ${timeView(status.readAt)}. <a href="/data/operations.json">JSON</a></p>
    ${list('Topics', 'topics', topicColumns, topics)}${list('Dead letters', 'deadLetters', letterColumns, letters)}${list('Layers', 'warehouse', layerColumns, layers)}
    <div class="grid">${one('Last run of dbt', 'warehouse', dbtColumns, lastDbtRun && { ...lastDbtRun, nextBuild })}
    <div>${one('Last flush', 'warehouse', flushColumns, lastFlush)}
    ${(tokens || errorOf('tokens') !== undefined) && one('Tokens', 'tokens', tokenColumns, tokens)}</div></div>
    ${section("Coverage of TMDb's catalogue", 'coverage', coverage ? coverageView(coverage) : errorOf('coverage') === undefined ? html`<p>Not read yet: <code>npx tmdb-stream coverage</code></p>` : null)}
    ${section("Drift in TMDb's documents", 'drift', drift && driftView(drift))}
    ${failures.length > 0 && list('Failed in the last run of dbt', 'warehouse', failureColumns, failures)}
    ${lastDayAtSnowflake && one('Last 24 hours at Snowflake', 'warehouse', costColumns, lastDayAtSnowflake)}`;
}

const tableOf = (title: string, columns: readonly Column[], rows: readonly Row[]): Html =>
  html`<div class="wide-table" tabindex="0" role="region" aria-label="${title}, as a table">${rowsTable(
    columns,
    rows.map((row) => plainRow(row) as GoldRow),
  )}</div>`;

const detailsOf = (columns: readonly Column[], row: Row): Html =>
  html`<dl class="details">${columns.map((each) => html`<dt>${each.label}</dt><dd>${cell(plainRow(row) as GoldRow, each)}</dd>`)}</dl>`;
