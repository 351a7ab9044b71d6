import { z } from 'zod';
import type { Context } from '../../platform/context.ts';
import { warehouseAccess } from '../../platform/warehouse.ts';
import { ExitCode } from '../../runtime/errors.ts';
import { print } from '../engine/print.ts';

export const migratedShape = z.object({
  warehouse: z.string().describe('the file, or the database and its account'),
});

/** `warehouse migrate` */
export async function migrate(context: Context, options: { readonly json: boolean }): Promise<number> {
  const system = warehouseAccess(context);
  await using loader = await system.openLoader();
  await loader.migrate();
  print(options, migratedShape, { warehouse: system.name }, `BRONZE is up to date: ${system.name}`);
  return ExitCode.done;
}
