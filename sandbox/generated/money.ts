import { hashUnit, type Random } from '../random.ts';

export interface Money {
  readonly budget: number;
  readonly revenue: number;
}

const most = { budget: 400_000_000, revenue: 2_000_000_000 };

/**
 * US dollars; TMDb writes 0 for unknown. Both are log-normal: a budget grows with popularity (a movie of
 * popularity 1 costs about 2 million); revenue is a multiple of it, with a median of 2.1, and below 1 for a quarter.
 */
export function drawMoney(random: Random, popularity: number, isReleased: boolean): Money {
  const budget = Math.min(most.budget, 2e6 * popularity ** 0.75 * Math.exp(1.0 * random.normal()));
  const multiple = Math.exp(0.75 + 1.05 * random.normal());
  const unknownShare = Math.min(0.8, 0.1 + 0.06 * Math.log(1 + 400 / popularity));
  const isBudgetKnown = !random.chance(unknownShare);
  // If one of them is known, the other usually is as well.
  const isRevenueKnown = isReleased && random.chance(isBudgetKnown ? 0.85 : 0.2);
  const revenue = odd(random, budget * multiple);
  return {
    budget: isBudgetKnown ? oddBudget(random, round(budget)) : 0,
    revenue: isRevenueKnown ? Math.max(1, revenue) : 0,
  };
}

/** People enter budgets as round numbers: with two significant digits. */
function round(value: number): number {
  const unit = 10 ** Math.max(0, Math.floor(Math.log10(value)) - 1);
  return Math.round(value / unit) * unit;
}

/** An editor entered millions as units, so that the return is absurd. */
const oddBudget = (random: Random, budget: number) => (random.chance(0.004) ? 1 + random.int(999) : budget);

/** A few movies made more than a signed 32-bit number can hold. */
const odd = (random: Random, revenue: number) =>
  random.chance(0.0008) ? 2_150_000_000 + random.int(800_000_000) : Math.round(Math.min(most.revenue, revenue));

/** The numbers of a later version: revenue grows. Unknown stays unknown. */
export const grown = (revenue: number, id: number, version: number): number =>
  revenue === 0 ? 0 : Math.round(revenue * (1 + 0.05 * version * hashUnit(id, version, 7)));
