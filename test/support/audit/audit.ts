import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { startLocalBroker } from '../../../kafka/broker/local-broker.ts';
import type { SandboxStats } from '../../../sandbox/stats.ts';
import { compareBronze, everyIdCameToAnEnd, lettersAreTrue } from './bronze.ts';
import { compareGold, comparePublished, compareSilver, newestOf } from './models.ts';
import { readTopics } from './topics.ts';

/** The data of a pipeline: a broker's folder `kafka` in `dataDir`, and a DuckDB file. */
export interface AuditedPlace {
  readonly dataDir: string;
  readonly duckdbPath: string;
}

export interface AuditOptions {
  /** A broker that runs on the folder `kafka`. @default the audit starts one there, and ends it */
  readonly brokers?: readonly string[];
  /** Check only up to BRONZE, because dbt has not run since the last batch. @default false */
  readonly onlyBronze?: boolean;
  /** The sandbox's counts, if its limit was strict. */
  readonly requests?: SandboxStats;
  /** A secret that every process received, and all their output. */
  readonly canary?: { readonly secret: string; readonly said: readonly string[] };
}

/** How many items of each kind the audit checked. */
export interface AuditReport {
  /** Records of `tmdb.movie-ids` that compaction has kept. */
  readonly ids: number;
  /** Records of `tmdb.raw-movies` that Kafka still has. */
  readonly rawRecords: number;
  readonly bronzeRows: number;
  /** Rows of BRONZE whose record Kafka no longer has: of another cluster or topic, or removed by retention. */
  readonly rowsOfOld: number;
  /** Offsets that are, or were, in dead letters. */
  readonly parked: number;
  /** Records that were sent back from dead letters. */
  readonly redriven: number;
  readonly movies: number;
  readonly alive: number;
}

/** Rows of a query, as plain JavaScript values. */
export type Rows = (sql: string) => Promise<Record<string, unknown>[]>;

/** Differences, each with the check that found it. */
export class Findings {
  readonly #lines: string[] = [];

  /** Adds the first few problems, and their number. */
  add(check: string, what: string, cases: Iterable<unknown>): void {
    const all = [...cases];
    const shown = all.slice(0, 5).map((one) => (typeof one === 'string' ? one : JSON.stringify(one, bigintText)));
    if (all.length > 0) this.#lines.push(`${check}: ${what} (${all.length}): ${shown.join(' · ')}`);
  }

  /** @throws AuditError if there is any finding. */
  throwIfAny(): void {
    if (this.#lines.length > 0) throw new AuditError(`the audit found\n${this.#lines.join('\n')}`);
  }
}

class AuditError extends Error {}

const bigintText = (_: string, value: unknown): unknown => (typeof value === 'bigint' ? value.toString() : value);

const jarsDir = join(import.meta.dirname, '../../../.tools/kafka');

/**
 * Compares Kafka with BRONZE, the ledger, SILVER and GOLD, each computed again here, with a reader of Kafka
 * and of DuckDB that shares only the codecs and the start of the broker with the pipeline.
 *
 * - A1 no offset is in BRONZE twice
 * - A2 BRONZE contains exactly the records of Kafka, without the parked ones
 * - A3 each row equals its record: the same bytes by SHA-256, the same lineage; only below the limit of a purge, documents are gone
 * - A4 the ledger's positions and batches agree with its rows
 * - A5 SILVER is the newest answer of each movie in BRONZE
 * - A6 GOLD follows from SILVER, and readers have the same
 * - A7 every published id was answered after it was published, or parked; a dead letter contains the record at its origin
 * - A8 no window of the sandbox has more requests than its limit, and it refused none
 * - A9 no file in the data folder and no output contains the secret
 *
 * @throws AuditError that names every check that failed, with examples.
 */
export async function audit(place: AuditedPlace, options: AuditOptions = {}): Promise<AuditReport> {
  const kafkaDir = join(place.dataDir, 'kafka');
  if (!existsSync(kafkaDir)) throw new AuditError(`there is no ${kafkaDir} to compare with`);
  await using resources = new AsyncDisposableStack();
  const brokers =
    options.brokers ?? resources.use(await startLocalBroker({ dataDir: kafkaDir, jarsDir, isOpen: true })).brokers;
  const kafka = await readTopics(kafkaDir, brokers);
  const rows = await openReader(place.duckdbPath, resources);
  const findings = new Findings();
  const bronze = await compareBronze(rows, kafka, findings);
  everyIdCameToAnEnd(kafka, findings);
  lettersAreTrue(kafka, findings);
  if (options.requests) limitWasKept(options.requests, findings);
  if (options.canary) secretWasKept(place.dataDir, options.canary, findings);
  const newest = await newestOf(rows);
  if (!options.onlyBronze) {
    await compareSilver(rows, newest, findings);
    await compareGold(rows, newest, findings);
    await comparePublished(rows, join(dirname(place.duckdbPath), 'tmdb_gold.duckdb'), findings);
  }
  findings.throwIfAny();
  return {
    ids: kafka.ids.length,
    rawRecords: kafka.raw.filter(({ topic }) => topic === 'tmdb.raw-movies').length,
    ...bronze,
    parked: kafka.parked.size,
    redriven: kafka.redriven,
    movies: newest.length,
    alive: newest.filter(({ isGone }) => !isGone).length,
  };
}

/** A8. */
function limitWasKept({ limit, maxInAnyWindow, byStatus }: SandboxStats, findings: Findings): void {
  const capacity = limit?.capacity ?? Number.POSITIVE_INFINITY;
  if (maxInAnyWindow > capacity) findings.add('A8', `the limit is ${capacity}`, [`${maxInAnyWindow} in a window`]);
  if (byStatus['429']) findings.add('A8', 'refused', [`${byStatus['429']} answers of 429`]);
}

/** A9. Data that DuckDB has compressed cannot be searched; data that came from Kafka is compared there. */
function secretWasKept(dataDir: string, canary: NonNullable<AuditOptions['canary']>, findings: Findings): void {
  const files = readdirSync(dataDir, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const paths = files.map(({ parentPath, name }) => join(parentPath, name));
  findings.add(
    'A9',
    'files with the secret in them',
    // A running service may remove its own files.
    paths.filter((path) => existsSync(path) && readFileSync(path).includes(canary.secret)),
  );
  findings.add(
    'A9',
    'said',
    canary.said.filter((text) => text.includes(canary.secret)),
  );
}

async function openReader(path: string, resources: AsyncDisposableStack): Promise<Rows> {
  const instance = await DuckDBInstance.create(path, { access_mode: 'READ_ONLY' });
  resources.defer(() => instance.closeSync());
  const connection = await instance.connect();
  resources.defer(() => connection.closeSync());
  return async (sql) => (await connection.runAndReadAll(sql)).getRowObjectsJS();
}
