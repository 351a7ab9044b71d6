import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** From which values on a movie's money is known: variables of the dbt project. */
export interface Floors {
  readonly budgetUsd: number;
  readonly revenueUsd: number;
}

/** @throws if the project has no such variable. */
function variable(project: string, name: string): number {
  const [, value] = new RegExp(`^ {2}${name}: (\\d+)$`, 'm').exec(project) ?? [];
  if (value === undefined) throw new Error(`dbt_project.yml has no ${name}`);
  return Number(value);
}

/** Reads the floors of the project that comes with this program. */
export function readFloors(): Floors {
  const project = readFileSync(join(import.meta.dirname, '..', 'dbt', 'dbt_project.yml'), 'utf8');
  return {
    budgetUsd: variable(project, 'money_budget_floor_usd'),
    revenueUsd: variable(project, 'money_revenue_floor_usd'),
  };
}
