import type { Context } from '../platform/platform.ts';
import { warehouseSystem } from '../platform/warehouse.ts';
import { ExitCode, UsageError } from '../runtime/errors.ts';
import { allowOnly, type Command, jsonOption, print, type Values } from './command.ts';
import { provisionAccount, provisionHelp, provisionOptions } from './warehouse-provision.ts';

export const warehouse: Command = {
  summary: 'provision a Snowflake account, or migrate BRONZE',
  help: `usage: warehouse provision [--print | --check] [KEYS] [NAMES] [--json]
       warehouse migrate [--json]

provision  creates the missing parts of a Snowflake account: the database, its schemas and BRONZE's tables, the warehouses and
           their monitor, the roles, their grants, and the users of the services. Corrects differences. A second run changes
           nothing. If it is interrupted, run it again to resume
migrate    creates missing tables and columns of BRONZE, in DuckDB or in Snowflake (as DE_ROLE). The loader does so at its
           start, and provision too; existing rows do not change

${provisionHelp}`,
  options: { ...provisionOptions, ...jsonOption },
  writes: [],
  takesPositionals: true,
  isOffline: (values) => values['print'] === true,
  run: async (context, values, [what, ...rest]) => {
    const subcommand = what !== undefined && Object.hasOwn(words, what) ? words[what] : undefined;
    if (!subcommand || rest.length > 0) {
      throw new UsageError('warehouse what? "warehouse provision" or "warehouse migrate"');
    }
    return subcommand(context, values);
  },
};

const words: Readonly<Record<string, (context: Context, values: Values) => Promise<number>>> = {
  provision: provisionAccount,
  migrate,
};

async function migrate(context: Context, values: Values): Promise<number> {
  allowOnly(values, 'warehouse migrate', ['json']);
  const system = warehouseSystem(context);
  await using loader = await system.openLoader();
  await loader.migrate();
  print(values, { warehouse: system.name }, `BRONZE is there: ${system.name}`);
  return ExitCode.done;
}
