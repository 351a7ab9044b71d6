/** A loader in a process of its own: node loader.ts FILE PLAN. It loads on request, and continues from the ledger after a kill. */
import { systemClock } from '../../../runtime/clock.ts';
import { openDuckDbWarehouse } from '../../../warehouse/duckdb/warehouse.ts';
import { genresTopic, moviesTopic, partitions, YearOfAnswers, type YearPlan } from './answers.ts';
import { answerRequests } from './worker.ts';

/** Loads until each partition has reached this offset, one batch of each partition in a transaction. */
export interface LoadRequest {
  readonly until: number;
  readonly batchRows: number;
}

const [path = '', plan = ''] = process.argv.slice(2);
const answers = new YearOfAnswers(JSON.parse(plan) as YearPlan);

answerRequests(async ({ until, batchRows }: LoadRequest) => {
  await using warehouse = await openDuckDbWarehouse({ path, lockWaitMs: 60_000, clock: systemClock });
  await warehouse.migrate();
  if (!(await warehouse.positions(genresTopic)).has(0)) await warehouse.append([answers.genres()]);
  const positions = await warehouse.positions(moviesTopic);
  for (let at = Number(positions.get(0) ?? 0n); at < until; ) {
    const next = Math.min(at + batchRows, until);
    const first = at;
    await warehouse.append(Array.from({ length: partitions }, (_, number) => answers.batch(number, first, next)));
    at = next;
  }
});
