import type { GoldRow } from '../warehouse/gold-reader.ts';
import { plainRow } from '../warehouse/plain-row.ts';
import type { Definitions } from './definitions.ts';
import type { Column } from './figure.ts';
import type { Unit } from './format.ts';
import { type Html, html } from './html.ts';
import { cell, rowsTable, timeView } from './table.ts';

type Row = Readonly<Record<string, unknown>>;

/** What `status --json` prints, as far as the page shows it. A part that could not be read is null, and `errors` has the reason. */
export interface OperationsStatus {
  readonly readAt: Date;
  readonly topics: readonly Row[] | null;
  readonly tokens: Row | null;
  readonly layers: readonly Row[] | null;
  readonly lastFlush: Row | null;
  readonly lastDbtRun: (Row & { readonly failures: readonly Row[] }) | null;
  readonly lastDayAtSnowflake: Row | null;
  readonly errors: readonly { readonly part: string; readonly message: string }[];
}

/** Reads the status. @throws if not even a part of it can be read. */
export type ReadOperations = () => Promise<OperationsStatus>;

/**
 * Reads at most once at a time, and not again while the last status is fresh. @param now milliseconds of a clock that never goes back.
 * @param freshMs how long (ms) a status is shown to further visitors.
 */
export function sharedStatus(read: ReadOperations, now: () => number, freshMs: number): ReadOperations {
  let last: { readonly at: number; readonly status: Promise<OperationsStatus> } | undefined;
  return () => {
    if (last && now() - last.at < freshMs) return last.status;
    const status = read();
    const current = { at: now(), status };
    last = current;
    status.catch(() => {
      if (last === current) last = undefined;
    });
    return status;
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
];
const failureColumns = [
  column('name', 'Model or test', 'text'),
  column('kind', 'Kind', 'text'),
  column('status', 'Outcome', 'text'),
  column('failures', 'Rows', 'count'),
];
const costColumns = (row: Row): Column[] => Object.keys(row).map((key) => column(key, key, 'text'));

/** The page with all parts of the status. */
export function operationsView(status: OperationsStatus, definitions: Definitions): Html {
  const errorOf = (part: string) => status.errors.find((error) => error.part === part)?.message;
  const section = (title: string, part: string, content: Html | null): Html => {
    const error = errorOf(part);
    const shown = error === undefined ? (content ?? html`<p>Nothing yet.</p>`) : html`<p>Cannot be read: ${error}</p>`;
    return html`<section class="card"><h2>${title}</h2>${shown}</section>`;
  };
  const list = (title: string, part: string, columns: readonly Column[], rows: readonly Row[] | null): Html =>
    section(title, part, rows && rows.length > 0 ? tableOf(title, columns, rows, definitions) : null);
  const one = (title: string, part: string, columns: readonly Column[], row: Row | null): Html =>
    section(title, part, row && detailsOf(columns, row));
  const { topics, tokens, layers, lastFlush, lastDbtRun, lastDayAtSnowflake } = status;
  const failures = lastDbtRun?.failures ?? [];
  return html`<p>What <code>tmdb-stream status</code> shows, read at ${timeView(status.readAt)}. Records of the topic of dead letters are
    parked: <code>tmdb-stream dead-letters list</code> has their reasons. <a href="/data/operations.json">JSON</a></p>
    ${list('Topics', 'topics', topicColumns, topics)}${list('Layers', 'warehouse', layerColumns, layers)}
    <div class="grid">${one('Last run of dbt', 'warehouse', dbtColumns, lastDbtRun)}
    <div>${one('Last flush', 'warehouse', flushColumns, lastFlush)}
    ${(tokens || errorOf('tokens') !== undefined) && one('Tokens', 'tokens', tokenColumns, tokens)}</div></div>
    ${failures.length > 0 && list('Failed in the last run of dbt', 'warehouse', failureColumns, failures)}
    ${lastDayAtSnowflake && one('Last 24 hours at Snowflake', 'warehouse', costColumns(lastDayAtSnowflake), lastDayAtSnowflake)}`;
}

const tableOf = (title: string, columns: readonly Column[], rows: readonly Row[], definitions: Definitions): Html =>
  html`<div class="wide-table" tabindex="0" role="region" aria-label="${title}, as a table">${rowsTable(
    columns,
    rows.map((row) => plainRow(row) as GoldRow),
    // The words of operations are not columns of GOLD.
    { ...definitions, columns: new Map() },
  )}</div>`;

const detailsOf = (columns: readonly Column[], row: Row): Html =>
  html`<dl class="details">${columns.map((each) => html`<dt>${each.label}</dt><dd>${cell(plainRow(row) as GoldRow, each)}</dd>`)}</dl>`;
