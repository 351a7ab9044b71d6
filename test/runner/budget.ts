import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const file = join(import.meta.dirname, '../budget.json');

/** The cost of a tier or a suite when it was last recorded, on an otherwise idle machine with two cores. */
interface Cost {
  /** Null until it is measured: then `minutes` is an estimate, and nothing is compared. */
  readonly cpuSeconds: number | null;
  readonly minutes: number;
}

/** By the name of a tier (`check`, `fast`) or of a suite of the full tier. */
export type Budget = Readonly<Record<string, Cost>>;

/** A tier or suite may take at most this multiple of its recorded CPU seconds. */
const tolerance = 1.25;

export const readBudget = (): Budget => JSON.parse(readFileSync(file, 'utf8')) as Budget;

/** Replaces the record of one tier or suite, and leaves the others as they are. */
export function record(name: string, cost: { readonly cpuSeconds: number; readonly minutes: number }): void {
  const rounded: Cost = { cpuSeconds: Math.round(cost.cpuSeconds), minutes: Math.round(cost.minutes * 10) / 10 };
  const entries = Object.entries({ ...readBudget(), [name]: rounded }).toSorted(([a], [b]) => a.localeCompare(b));
  writeFileSync(file, `${JSON.stringify(Object.fromEntries(entries), null, 2)}\n`);
}

/**
 * The message about a tier that used more CPU seconds than its budget allows; null if it did not.
 * @param cpuSeconds null if they cannot be measured; then nothing is compared.
 */
export function overrun(name: string, cpuSeconds: number | null, budget: Budget): string | null {
  const allowed = budget[name]?.cpuSeconds ?? null;
  if (cpuSeconds === null || allowed === null || cpuSeconds <= allowed * tolerance) return null;
  const percent = Math.round((cpuSeconds / allowed - 1) * 100);
  return (
    `${name} used ${Math.round(cpuSeconds)} CPU seconds, ${percent} % more than the ${allowed} of its budget: ` +
    'make it cheaper, or record the new figure with --record and say why'
  );
}
