import { quoted } from './identifiers.ts';
import { adminRoles, type Difference, type Query, type Step } from './model.ts';

const isAdmin = (role: string): boolean => adminRoles.some((name) => name === role);

const useRole = (role: string): string => `use role ${isAdmin(role) ? role.toLowerCase() : quoted(role)}`;

/** Each statement once: a grant on all tables of a schema covers each of them. */
export const stepsOf = (found: readonly Difference[]): Step[] => {
  const steps = found.flatMap(({ steps }) => steps);
  return [...new Map(steps.map((step) => [step.sql, step])).values()];
};

/** Runs the steps in order, each as its role. @throws what `query` throws; completed steps stay. */
export async function execute(query: Query, steps: readonly Step[]): Promise<void> {
  let role: string | undefined;
  for (const step of steps) {
    if (step.role !== role) await query(useRole(step.role));
    role = step.role;
    await query(step.sql);
  }
}

const reasons: Readonly<Record<string, string>> = {
  ACCOUNTADMIN: 'only this role may create resource monitors and assign warehouses to them',
  SECURITYADMIN: 'granting on future objects, and revoking grants of others, need MANAGE GRANTS',
  USERADMIN: 'creates roles and users, and may grant the roles that it created',
  SYSADMIN: 'creates the database, its schemas and the warehouses, and may grant on what it owns',
};

/** The same as text, to read and to run in a worksheet. */
export function script(steps: readonly Step[]): string {
  const lines = steps.flatMap(({ role, sql }, index) => {
    const isSame = steps[index - 1]?.role === role;
    const head = ['', `-- ${role}: ${reasons[role] ?? "creates, and so owns, BRONZE's objects"}.`, `${useRole(role)};`];
    return [...(isSame ? [] : head), `${sql};`];
  });
  return lines.join('\n').trim();
}
