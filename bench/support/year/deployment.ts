import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { systemClock } from '../../../runtime/clock.ts';
import { openDuckDbReader } from '../../../warehouse/duckdb/reader.ts';
import type { YearPlan } from './answers.ts';
import type { LoadRequest } from './loader.ts';
import type { RoundReport } from './scheduler.ts';
import { type Sizes, sizesOf } from './sizes.ts';
import { Worker } from './worker.ts';

export interface Round extends RoundReport {
  readonly loadSeconds: number;
  /** Which process was killed; null if none was. */
  readonly killed: string | null;
}

/** Kills a process when this share of the time of the last load or build has passed. */
export interface Kill {
  readonly share: number;
  /** The index of a victim. */
  readonly who: number;
}

const victims = [
  { name: 'loader', own: true, children: false },
  { name: 'scheduler', own: true, children: false },
  { name: 'dbt', own: false, children: true },
  { name: 'scheduler and dbt', own: true, children: true },
] as const;

/** How much slower the slowest models and tests have become: median seconds of the first and of the last tenth of the builds. */
export interface GrownNode {
  readonly name: string;
  readonly first: number;
  readonly last: number;
}

/** A data folder with a warehouse file, a loader and a scheduler. */
export class Deployment implements AsyncDisposable {
  readonly path: string;
  readonly #folder: string;
  readonly #loader: Worker;
  readonly #scheduler: Worker;
  #last = { load: 1, build: 5 };

  constructor(folder: string, plan: YearPlan) {
    const TMPDIR = join(folder, 'tmp');
    mkdirSync(TMPDIR, { recursive: true });
    this.#folder = folder;
    this.path = join(folder, 'tmdb.duckdb');
    const env = { TMPDIR, DATA_DIR: folder, DUCKDB_PATH: this.path, TMDB_TOKEN: 'bench' };
    this.#loader = new Worker('loader.ts', [this.path, JSON.stringify(plan)], env);
    this.#scheduler = new Worker('scheduler.ts', [], env);
  }

  /** Loads, then lets the scheduler build. What was killed starts again, and continues. */
  async round(load: LoadRequest, kill: Kill | null = null): Promise<Round> {
    const victim = kill === null ? undefined : victims[kill.who];
    const share = kill?.share ?? 0;
    const started = performance.now();
    if (victim?.name === 'loader') await killIn(this.#loader, load, this.#last.load * share, victim);
    await this.#loader.ask(load);
    const loadSeconds = (performance.now() - started) / 1_000;
    if (victim && victim.name !== 'loader') await killIn(this.#scheduler, {}, this.#last.build * share, victim);
    const report = await this.#build();
    if (!victim) this.#last = { load: loadSeconds, build: report.seconds };
    return { ...report, loadSeconds, killed: victim?.name ?? null };
  }

  /** Rounds until no build is due: after a failure, the scheduler waits before the next build. */
  async #build(): Promise<RoundReport> {
    const giveUpAt = performance.now() + 300_000;
    for (;;) {
      const report = await this.#scheduler.ask<RoundReport>({});
      if (!report.isDue) return report;
      if (performance.now() > giveUpAt) throw new Error(`no build succeeds, the last round: ${report.failure}`);
      await systemClock.sleep(1_000);
    }
  }

  /** The models and tests that have become slower, by the log of the runs. */
  async grownNodes(): Promise<GrownNode[]> {
    await using reader = await openDuckDbReader({ path: this.path, lockWaitMs: 10_000, clock: systemClock });
    const rows = await reader.query(`
      with builds as (
        select invocation_id, ntile(10) over (order by started_at) as tenth
          from silver.dbt_runs where is_complete and not is_full_refresh and status = 'success'
      )
      select node_name as name, coalesce(median(seconds) filter (tenth = 1), 0) as first, median(seconds) filter (tenth = 10) as last
        from silver.dbt_results inner join builds using (invocation_id) group by node_name order by last - first desc limit 8`);
    return rows.map(({ name, first, last }) => ({ name: String(name), first: Number(first), last: Number(last) }));
  }

  /** Ends the processes; the file is then closed. */
  async end(): Promise<void> {
    await this.#loader[Symbol.asyncDispose]();
    await this.#scheduler[Symbol.asyncDispose]();
  }

  sizes(): Sizes {
    return sizesOf(this.#folder);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.end();
  }
}

async function killIn(
  worker: Worker,
  request: object,
  seconds: number,
  victim: (typeof victims)[number],
): Promise<void> {
  const asked = worker.ask(request).catch(() => {});
  await systemClock.sleep(seconds * 1_000);
  await worker.kill(victim);
  await asked;
}
