import { readYaml } from './project.ts';

interface Rules {
  readonly groups: readonly { readonly rules: readonly { readonly alert: string; readonly expr: string }[] }[];
}

const rules = readYaml<Rules>('deploy/prometheus/alerts.yml').groups.flatMap((group) => group.rules);

/** The PromQL expression of an alert of `deploy/prometheus/alerts.yml`. @throws Error if there is no such alert. */
export function alertExpression(name: string): string {
  const rule = rules.find(({ alert }) => alert === name);
  if (!rule) throw new Error(`there is no alert ${name}`);
  return rule.expr;
}
