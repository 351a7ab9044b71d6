import { desiredState } from './desired.ts';
import { grantLabel, revoke } from './grant-sql.ts';
import type { Difference, Observed, Wanted } from './model.ts';
import type { ProvisionSettings } from './names.ts';
import { isOwnWork } from './role-grants.ts';

/** The differences between the account and the plan; the steps of all differences, in order, correct them. */
export function differences(settings: ProvisionSettings, observed: Observed): Difference[] {
  const desired = desiredState(settings, observed.present);
  const granted = new Set(observed.grants.map(grantLabel));
  const missingOrChanged = desired.flatMap((wanted) => {
    if (granted.has(wanted.label)) return [];
    return difference(wanted, observed.objects.get(wanted.label)) ?? [];
  });
  return [...missingOrChanged, ...notWanted(settings, observed, new Set(desired.map(({ label }) => label)))];
}

function difference(wanted: Wanted, found: Readonly<Record<string, string>> | undefined): Difference | undefined {
  const { label: what, properties } = wanted;
  if (!found) return { what, change: 'missing', detail: wanted.note ?? '', steps: [wanted.create] };
  const changed = Object.keys(properties).filter((name) => found[name] !== properties[name]?.is);
  if (changed.length === 0) return undefined;
  const shown = (value = '') => (value === '' ? 'not set' : value);
  const detail = changed
    .map((name) => `${name} is ${shown(found[name])}, should be ${shown(properties[name]?.is)}`)
    .join('; ');
  return { what, change: 'different', detail, steps: wanted.alter?.(changed) ?? [] };
}

function notWanted({ names }: ProvisionSettings, observed: Observed, wanted: ReadonlySet<string>): Difference[] {
  const grants = observed.grants.filter((grant) => !wanted.has(grantLabel(grant)) && !isOwnWork(grant, names));
  return [
    ...grants.map(
      (grant): Difference => ({ what: grantLabel(grant), change: 'not wanted', detail: '', steps: [revoke(grant)] }),
    ),
    ...observed.otherSchemas.map(
      (name): Difference => ({
        what: `schema ${name}`,
        change: 'not wanted',
        detail: 'it may hold data: move it or drop it yourself',
        steps: [],
      }),
    ),
  ];
}
