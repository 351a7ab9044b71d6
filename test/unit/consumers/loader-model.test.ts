import fc from 'fast-check';
import { expect, it } from 'vitest';
import { assertComplete, assertInvariants } from '../../support/loader-model/invariants.ts';
import { calmDown, type Faults, histories, take } from '../../support/loader-model/steps.ts';
import { World } from '../../support/loader-model/world.ts';

const defaultRuns = 500;
/** The number of histories. The fault suite runs more. */
const runs = Number(process.env['MODEL_RUNS'] ?? defaultRuns);
/** Printed if a history fails, with the shortest failing history. */
const seed = Number(process.env['MODEL_SEED'] ?? Date.now() % 2 ** 31);
/** Shrinking is unnecessary if only the result matters. */
const endOnFailure = process.env['MODEL_SHRINK'] === 'no';

/** The faults that this number of histories must contain. Otherwise the test shows nothing. */
const everyFault = [
  ...['append', 'positions', 'publish'].flatMap((port) => [
    `${port} is refused before it took effect`,
    `${port} fails unseen before it took effect`,
    `${port} fails unseen after it took effect`,
    `${port} takes effect late`,
    `killed in ${port} before it took effect`,
    `killed in ${port} after it took effect`,
  ]),
  'hint fails unseen before it took effect',
  'assign with records in hand',
  'revoke with records in hand',
];

it('[P6 R53 R54 R76 Z2] loads every offset exactly once in any history of kills, zombies, rebalances, lost and late replies', {
  timeout: 600_000,
}, async () => {
  const faults: Faults = new Map();
  await fc.assert(
    fc.asyncProperty(histories, async (history) => {
      const world = new World();
      for (const step of history) {
        await take(world, step, faults);
        await assertInvariants(world);
      }
      await calmDown(world);
      await assertComplete(world);
    }),
    { numRuns: runs, seed, endOnFailure },
  );
  if (runs >= defaultRuns) expect([...faults.keys()]).toEqual(expect.arrayContaining(everyFault));
});
