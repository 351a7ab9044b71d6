/** What the formula needs to know. */
export interface Plan {
  readonly days: number;
  /** Days without any process, `[first, last)`. */
  readonly offline: readonly [first: number, last: number];
  /** TMDB_REASK_AFTER in days. */
  readonly reaskAfterDays: number;
  /** Share of the movies that change, or leave the export, on a day. */
  readonly changedShare: number;
}

/** Ages at which movies are due, as samples: evenly from half of the limit to all of it. */
const samples = 40;

/**
 * The number of requests that a movie is expected to cost which is on no popular list: one at first, one for each day on which it changes, and
 * one when its newest request is as old as the age at which it is due. It knows nothing of lists, topics or single movies.
 * @param firstDay day of its first request.
 */
export function expectedRequests(plan: Plan, firstDay: number): number {
  const { reaskAfterDays } = plan;
  const dueAges = Array.from({ length: samples }, (_, index) =>
    Math.ceil((reaskAfterDays / 2) * (1 + (index + 0.5) / samples)),
  );
  return dueAges.reduce((sum, due) => sum + requestsOf(plan, firstDay, due), 0) / samples;
}

/** The same for a movie that is due at this age (days). */
function requestsOf({ days, offline: [from, to], changedShare }: Plan, firstDay: number, due: number): number {
  let requests = 1;
  /** Age of the newest request (days) → its probability. */
  let ages = new Map([[0, 1]]);
  for (let day = firstDay + 1; day < days; day += 1) {
    const isOffline = day >= from && day < to;
    // The first day after an absence also has the changes of the days before.
    const missedDays = day === to ? to - from : 0;
    const changes = isOffline ? 0 : 1 - (1 - changedShare) ** (1 + missedDays);
    const next = new Map<number, number>();
    const add = (age: number, probability: number) => next.set(age, (next.get(age) ?? 0) + probability);
    for (const [age, probability] of ages) {
      const isDue = !isOffline && age + 1 >= due;
      requests += probability * (isDue ? 1 : changes);
      if (isDue) add(0, probability);
      else {
        add(0, probability * changes);
        add(age + 1, probability * (1 - changes));
      }
    }
    ages = next;
  }
  return requests;
}
