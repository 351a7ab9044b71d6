import { UsageError } from '../../../runtime/errors.ts';
import { differences } from './diff.ts';
import type { Difference, Query } from './model.ts';
import type { ProvisionSettings } from './names.ts';
import { roleComment } from './objects.ts';
import { observe } from './observe.ts';
import { execute, stepsOf } from './script.ts';

/** The differences between the account and the plan; changes nothing. @throws what `query` throws. */
export const check = async (query: Query, settings: ProvisionSettings): Promise<Difference[]> =>
  differences(settings, await observe(query, settings.names));

export interface Provisioned {
  /** The differences that were corrected. */
  readonly corrected: readonly Difference[];
  /** The remaining differences, which a person must handle. */
  readonly remaining: readonly Difference[];
}

/**
 * Changes the account to match the plan, and checks the result. If nothing differs, only SHOW and DESCRIBE run.
 * If it is interrupted, the next run continues.
 * @throws UsageError for an existing role of the same name that provisioning did not create; and what `query` throws.
 */
export async function provision(query: Query, settings: ProvisionSettings): Promise<Provisioned> {
  const found = await check(query, settings);
  refuseRolesOfOthers(found);
  const steps = stepsOf(found);
  if (steps.length === 0) return { corrected: [], remaining: found };
  await execute(query, steps);
  const remaining = await check(query, settings);
  const names = new Set(remaining.map(({ what }) => what));
  return { corrected: found.filter(({ what }) => !names.has(what)), remaining };
}

/** A role loses rights here that are not in the plan: this must not happen to a role with other purposes. */
function refuseRolesOfOthers(found: readonly Difference[]): void {
  const others = found.filter(({ what, change }) => what.startsWith('role ') && change === 'different');
  if (others.length === 0) return;
  const lines = others.map(({ what }) => `  alter ${what} set comment = '${roleComment}'`);
  throw new UsageError(
    `provisioning did not create the ${others.map(({ what }) => what).join(' and the ')}: nothing was changed, because rights beyond our plan would be\n` +
      `revoked. Choose other names (warehouse provision --help), or transfer these roles to provisioning, as USERADMIN:\n${lines.join('\n')}`,
  );
}
