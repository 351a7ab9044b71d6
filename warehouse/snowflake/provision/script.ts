import { quoted } from './identifiers.ts';
import { adminRoles, type Difference, type Query, type Step } from './model.ts';

const isAdmin = (role: string): boolean => adminRoles.some((name) => name === role);

const useRole = (role: string): string => `use role ${isAdmin(role) ? role.toLowerCase() : quoted(role)}`;

/** Each statement once: what grants on all tables of a schema does so for each of them. */
export const stepsOf = (found: readonly Difference[]): Step[] => {
  const steps = found.flatMap(({ steps }) => steps);
  return [...new Map(steps.map((step) => [step.sql, step])).values()];
};

/** One after the other, each as its role. @throws what `query` throws; what is done then stays done. */
export async function execute(query: Query, steps: readonly Step[]): Promise<void> {
  let role: string | undefined;
  for (const step of steps) {
    if (step.role !== role) await query(useRole(step.role));
    role = step.role;
    await query(step.sql);
  }
}

const reasons: Readonly<Record<string, string>> = {
  ACCOUNTADMIN: 'nobody else may make resource monitors and put warehouses under them',
  SECURITYADMIN: 'it takes MANAGE GRANTS to grant on what is yet to be made, and to take back what others granted',
  USERADMIN: 'makes roles and users, and may grant the roles that it made',
  SYSADMIN: 'makes the database, its schemas and the warehouses, and may grant on what it owns',
};

/** The same for a person to read, and to run in a worksheet. */
export function script(steps: readonly Step[]): string {
  const lines = steps.flatMap(({ role, sql }, index) => {
    const isSame = steps[index - 1]?.role === role;
    const head = [
      '',
      `-- ${role}: ${reasons[role] ?? 'makes, and so owns, what BRONZE is made of'}.`,
      `${useRole(role)};`,
    ];
    return [...(isSame ? [] : head), `${sql};`];
  });
  return lines.join('\n').trim();
}
