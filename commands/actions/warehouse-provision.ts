import { z } from 'zod';
import type { Context } from '../../platform/context.ts';
import { withAccount } from '../../platform/snowflake-account.ts';
import { ExitCode } from '../../runtime/errors.ts';
import { formatTable } from '../../runtime/table.ts';
import { differences } from '../../warehouse/snowflake/provision/diff.ts';
import { type Difference, nothingObserved } from '../../warehouse/snowflake/provision/model.ts';
import {
  type Names,
  type ProvisionSettings,
  parseNames,
  type ServiceKeys,
} from '../../warehouse/snowflake/provision/names.ts';
import { check, provision } from '../../warehouse/snowflake/provision/provision.ts';
import { readPublicKey } from '../../warehouse/snowflake/provision/public-key.ts';
import { script, stepsOf } from '../../warehouse/snowflake/provision/script.ts';
import { type SnowflakeNames, snowflakeGroup } from '../../warehouse/snowflake/settings.ts';
import { flagName } from '../engine/option.ts';
import { print } from '../engine/print.ts';

/** The options that name a role, a user or the monitor, each with the object that it names. */
const nameOptions = {
  engineerRole: 'deRole',
  analystRole: 'analystRole',
  loaderRole: 'loaderRole',
  dbtRole: 'dbtRole',
  dashboardRole: 'dashboardRole',
  loaderUser: 'loaderUser',
  dbtUser: 'dbtUser',
  dashboardUser: 'dashboardUser',
  dashboardWarehouse: 'dashboardWarehouse',
  monitor: 'monitor',
} as const;

type NameOption = (typeof nameOptions)[keyof typeof nameOptions];

type NamedBySettings = 'analystRole' | 'dashboardRole' | 'dashboardWarehouse';

interface Provision
  extends Readonly<Record<Exclude<NameOption, NamedBySettings>, string>>,
    /** @default those of the settings */
    Readonly<Record<NamedBySettings, string | undefined>> {
  readonly print: boolean;
  readonly check: boolean;
  /** Paths of public keys. */
  readonly loaderKey: string | undefined;
  readonly loaderKey2: string | undefined;
  readonly dbtKey: string | undefined;
  readonly dbtKey2: string | undefined;
  readonly dashboardKey: string | undefined;
  readonly dashboardKey2: string | undefined;
  /** Credits a month. */
  readonly creditQuota: number;
  readonly json: boolean;
}

const differenceShape = z.object({
  change: z.enum(['missing', 'different', 'not wanted']).describe('how the account differs from the plan'),
  what: z.string().describe('the object or grant'),
  detail: z.string().describe('the observed state and the planned one'),
});

export const provisionShape = z.object({
  steps: z
    .array(z.object({ role: z.string().describe('the role that runs it'), sql: z.string().describe('the statement') }))
    .describe('the statements for an empty account, with --print; otherwise empty'),
  corrected: z.array(differenceShape).describe('differences that were corrected'),
  remaining: z.array(differenceShape).describe('differences that remain'),
});

/** `warehouse provision`: creates and corrects Snowflake's objects, roles, grants and users. */
export async function provisionAccount(context: Context, options: Provision): Promise<number> {
  const settings = provisionSettings(context.config.snowflakeNames, options);
  if (options.print) return printScript(options, settings);
  return withAccount(context, async (query) => {
    if (!options.check) {
      const { corrected, remaining } = await provision(query, settings);
      return report(context, options, { corrected, remaining });
    }
    return report(context, options, { corrected: [], remaining: await check(query, settings) });
  });
}

function printScript(options: Provision, settings: ProvisionSettings): number {
  const steps = stepsOf(differences(settings, nothingObserved));
  print(options, provisionShape, { steps, corrected: [], remaining: [] }, () => script(steps));
  return ExitCode.done;
}

interface Report {
  readonly corrected: readonly Difference[];
  readonly remaining: readonly Difference[];
}

function report({ progress }: Context, options: Provision, { corrected, remaining }: Report): number {
  progress[Symbol.dispose]();
  const shown = (found: readonly Difference[]) => found.map(({ what, change, detail }) => ({ change, what, detail }));
  const account = { steps: [], corrected: shown(corrected), remaining: shown(remaining) };
  print(options, provisionShape, account, () => {
    if (corrected.length + remaining.length === 0) return 'nothing to do: everything is as expected';
    const done = corrected.length > 0 ? [`corrected ${corrected.length}:\n${formatTable(shown(corrected))}`] : [];
    const open =
      remaining.length > 0 ? [`not as expected, ${remaining.length}:\n${formatTable(shown(remaining))}`] : [];
    return [...done, ...open].join('\n\n');
  });
  return remaining.length === 0 ? ExitCode.done : ExitCode.partial;
}

/**
 * The account to provision: an option names an object, and without it, the settings do.
 * @throws UsageError for an invalid name or key.
 */
export function provisionSettings(objects: SnowflakeNames, options: Provision): ProvisionSettings {
  const entries = Object.entries(nameOptions).filter(([, option]) => options[option] !== undefined);
  const { settings } = snowflakeGroup;
  const given = {
    ...objects,
    dashboardRole: objects.dashboardRole ?? 'LECTURE_DASHBOARD_ROLE',
    dashboardWarehouse: objects.dashboardWarehouse ?? 'LECTURE_DASHBOARD_WH',
    ...Object.fromEntries(entries.map(([key, option]) => [key, options[option]])),
  } as Names;
  const givenBy = {
    database: settings.database.name,
    ingestWarehouse: settings.ingestWarehouse.name,
    transformWarehouse: settings.transformWarehouse.name,
    analystRole: settings.analystRole.name,
    dashboardRole: settings.dashboardRole.name,
    dashboardWarehouse: settings.dashboardWarehouse.name,
    ...Object.fromEntries(entries.map(([key, option]) => [key, flagName(option)])),
  } as Record<keyof Names, string>;
  const { creditQuota, loaderKey, loaderKey2, dbtKey, dbtKey2, dashboardKey, dashboardKey2 } = options;
  const keys = {
    loader: keysOf('--loader-key', loaderKey, loaderKey2),
    dbt: keysOf('--dbt-key', dbtKey, dbtKey2),
    dashboard: keysOf('--dashboard-key', dashboardKey, dashboardKey2),
  };
  return { names: parseNames(given, givenBy), creditQuota, keys };
}

function keysOf(flag: string, first: string | undefined, second: string | undefined): ServiceKeys {
  return {
    ...(first !== undefined && { first: readPublicKey(first, flag) }),
    ...(second === 'none' && { second: null }),
    ...(second !== undefined && second !== 'none' && { second: readPublicKey(second, `${flag}-2`) }),
  };
}
