import { UsageError } from '../../../runtime/errors.ts';
import { differences } from './diff.ts';
import type { Difference, Query } from './model.ts';
import type { ProvisionSettings } from './names.ts';
import { roleComment } from './objects.ts';
import { observe } from './observe.ts';
import { execute, stepsOf } from './script.ts';

/** How the account differs from what it should be; changes nothing. @throws what `query` throws. */
export const check = async (query: Query, settings: ProvisionSettings): Promise<Difference[]> =>
  differences(settings, await observe(query, settings.names));

export interface Provisioned {
  /** What was wrong before. */
  readonly mended: readonly Difference[];
  /** What still is: a person has to see to it. */
  readonly remaining: readonly Difference[];
}

/**
 * Makes the account what it should be, and looks whether it is. Where nothing differs, nothing but SHOW and DESCRIBE is run.
 * Stopped half way, it goes on from there when it is run again.
 * @throws UsageError for a role of the same name that is somebody else's; and what `query` throws.
 */
export async function provision(query: Query, settings: ProvisionSettings): Promise<Provisioned> {
  const found = await check(query, settings);
  refuseRolesOfOthers(found);
  const steps = stepsOf(found);
  if (steps.length === 0) return { mended: [], remaining: found };
  await execute(query, steps);
  const remaining = await check(query, settings);
  const names = new Set(remaining.map(({ what }) => what));
  return { mended: found.filter(({ what }) => !names.has(what)), remaining };
}

/** A role loses here what it should not have: that must not happen to one that has other purposes. */
function refuseRolesOfOthers(found: readonly Difference[]): void {
  const others = found.filter(({ what, change }) => what.startsWith('role ') && change === 'different');
  if (others.length === 0) return;
  const lines = others.map(({ what }) => `  alter ${what} set comment = '${roleComment}'`);
  throw new UsageError(
    `provisioning has not made the ${others.map(({ what }) => what).join(' and the ')}: nothing was changed, as what they may beside our plan would be\n` +
      `taken from them. Choose other names (warehouse provision --help), or hand them over, as USERADMIN:\n${lines.join('\n')}`,
  );
}
