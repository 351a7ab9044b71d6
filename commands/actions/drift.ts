import type { Context } from '../../platform/context.ts';
import { warehouseAccess } from '../../platform/warehouse.ts';
import { ExitCode } from '../../runtime/errors.ts';
import { asColumns, formatTable } from '../../runtime/table.ts';
import { type Drift, driftShape, readDrift } from '../../transform/drift.ts';
import { print } from '../engine/print.ts';

/** `drift` */
export async function showDrift(context: Context, options: { readonly json: boolean }): Promise<number> {
  const drift = await lookForDrift(context);
  print(options, driftShape, drift ?? { findings: [] }, () => textOf(drift));
  return drift?.findings.some(({ isRecent }) => isRecent) ? ExitCode.partial : ExitCode.done;
}

async function lookForDrift(context: Context): Promise<Drift | null> {
  const system = warehouseAccess(context);
  if (!system.exists()) return null;
  await using reader = await system.openReader();
  return await readDrift((sql) => reader.query(sql));
}

function textOf(drift: Drift | null): string {
  if (drift === null) return 'Nothing has been compared yet: run "transform".';
  if (drift.findings.length === 0) return "TMDb's documents have the pinned shape.";
  return formatTable(drift.findings.map(asColumns));
}
