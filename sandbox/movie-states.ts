import { z } from 'zod';
import { UsageError } from '../runtime/errors.ts';

/**
 * What happened to a movie. `unlisted`: it left the popular list. `deleted`, `merged`: its details answer 404, as TMDb does without a
 * redirect, and the lists and the export lack it. `listed`: as before.
 */
const movieState = z.enum(['listed', 'unlisted', 'deleted', 'merged']);
export type MovieState = z.infer<typeof movieState>;

const statesShape = z.record(z.string().regex(/^[1-9]\d{0,9}$/), movieState);

/** Reads JSON such as `{"550":"deleted","13":"unlisted"}`. @throws UsageError */
export function parseMovieStates(text: string): ReadonlyMap<number, MovieState> {
  const expected = `expected movies as JSON, such as {"550":"deleted"}; the states are ${movieState.options.join(', ')}`;
  try {
    const states = statesShape.parse(JSON.parse(text));
    return new Map(Object.entries(states).map(([id, state]) => [Number(id), state]));
  } catch {
    throw new UsageError(expected);
  }
}

/** The movies that are not as the catalogue has them. A change of state appears on the list of changes of its day. */
export class MovieStates {
  readonly #states = new Map<number, MovieState>();
  /** Day (since the epoch) → movies whose state changed. */
  readonly #changed = new Map<number, Set<number>>();

  /** @param day days since the epoch, UTC. */
  set(states: ReadonlyMap<number, MovieState>, day: number): void {
    const changed = this.#changed.get(day) ?? new Set();
    this.#changed.set(day, changed);
    for (const [id, state] of states) {
      this.#states.set(id, state);
      changed.add(id);
    }
  }

  exists(id: number): boolean {
    const state = this.#states.get(id);
    return state !== 'deleted' && state !== 'merged';
  }

  isPopular(id: number): boolean {
    return this.exists(id) && this.#states.get(id) !== 'unlisted';
  }

  changedOn(day: number): Iterable<number> {
    return this.#changed.get(day) ?? [];
  }
}
