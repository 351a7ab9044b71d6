import { dayMs } from '../../../runtime/days.ts';
import type { MovieState } from '../../../sandbox/movie-states.ts';
import { hashUnit } from '../../../sandbox/random.ts';
import type { RateLimit } from '../../../tmdb/token-bucket/token-bucket.ts';
import { ManualClock } from '../clock/manual-clock.ts';
import { SimulatedPipeline } from './simulated-pipeline.ts';
import { SimulatedTmdb } from './simulated-tmdb.ts';

export const hourMs = 3_600_000;
export const days = 90;
export const reaskAfterDays = 40;
export const refreshHours = 24;
/** No process runs on these days. */
export const offline = [45, 52] as const;
/** TMDb has the export of the day, and all processes start at once. */
const start = Date.UTC(2026, 6, 1, 8, 30);

/** Three months in the life of a catalogue, hour by hour. */
export class Quarter {
  readonly clock = new ManualClock(start);
  readonly tmdb: SimulatedTmdb;
  readonly pipeline: SimulatedPipeline;
  readonly pages: number;
  readonly rateLimit: RateLimit;
  /** Movies that were named by a list of changes because they were deleted, merged or came back. */
  listedStates = 0;
  /** Movies that left the export. */
  absent = 0;
  /** The day on which each movie appeared that is not there from the beginning. */
  readonly appeared = new Map<number, number>();
  readonly #ids: readonly number[];
  readonly #deletedOn = new Map<number, number[]>();
  /** Left the popular list yesterday. */
  #unlisted: readonly number[] = [];

  constructor(movies: number) {
    this.pages = Math.max(1, movies / 5_000);
    this.tmdb = new SimulatedTmdb(this.clock, movies);
    this.#ids = [...this.tmdb.catalogue.exported()].map(({ id }) => id);
    // The backfill takes two days.
    this.rateLimit = { capacity: 8, windowMs: Math.round((16 * dayMs) / movies) };
    this.pipeline = new SimulatedPipeline(this.tmdb, this.clock, {
      rateLimit: this.rateLimit,
      ...{ pages: this.pages, refreshAfterMs: refreshHours * hourMs, reaskAfterMs: reaskAfterDays * dayMs },
    });
    // One movie in twenty is not there yet.
    const unborn = this.#ids.filter((id) => hashUnit(id, 1) < 0.05);
    this.tmdb.set(new Map(unborn.map((id) => [id, 'deleted'])), { isListed: false });
    for (const id of unborn) this.appeared.set(id, 1 + Math.floor(hashUnit(id, 2) * (days - 3)));
  }

  /** Hours since the start. */
  get hour(): number {
    return Math.round((this.clock.now() - start) / hourMs);
  }

  get day(): number {
    return Math.floor(this.hour / 24);
  }

  get isOffline(): boolean {
    return this.day >= offline[0] && this.day < offline[1];
  }

  /** Runs until the end. @param check is called before each hour's work. */
  async run(check: () => Promise<void>): Promise<void> {
    const { pipeline } = this;
    while (this.day < days) {
      await check();
      if (this.hour % 24 === 16) this.#change();
      pipeline.isRunning = !this.isOffline;
      if (!this.isOffline) {
        if (this.hour % 24 === 0) await pipeline.readExport();
        if (this.hour % 6 === 0) await pipeline.popular();
        if (this.hour % 6 === 1) await pipeline.changes();
        pipeline.resume();
      }
      await this.clock.advance(hourMs);
    }
  }

  /** At 00:30: movies appear, are deleted or merged, and come back, in part without a list that says so. */
  #change(): void {
    const { day } = this;
    const of = (state: MovieState, ids: readonly number[]) => ids.map((id) => [id, state] as const);
    const gone = this.#ids.filter((id) => !this.appeared.has(id) && hashUnit(id, day, 3) < 0.002);
    this.#deletedOn.set(day, gone);
    this.absent += gone.filter(this.tmdb.exists).length;
    const back = (this.#deletedOn.get(day - 10) ?? []).filter((id) => hashUnit(id, 4) < 0.5);
    const born = [...this.appeared].filter(([, on]) => on === day).map(([id]) => id);
    const leaving = this.tmdb.popularNow(1).slice(0, 1);
    const changed = [
      ...gone.map((id) => [id, hashUnit(id, 5) < 0.5 ? 'deleted' : 'merged'] as const),
      ...of('listed', back),
      ...of('listed', born),
      ...of('listed', this.#unlisted),
      ...of('unlisted', leaving),
    ];
    this.#unlisted = leaving;
    for (const isListed of [true, false]) {
      const states = new Map(changed.filter(([id]) => hashUnit(id, day, 6) < 0.5 === isListed));
      this.tmdb.set(states, { isListed });
      if (isListed) this.listedStates += states.size;
    }
  }
}
