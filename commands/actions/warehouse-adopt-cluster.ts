import type { Context } from '../../platform/context.ts';
import { openPlatform } from '../../platform/platform.ts';
import { type Adopted, adoptCluster, adoptedShape } from '../../replay/adopt-cluster.ts';
import { ExitCode } from '../../runtime/errors.ts';
import { print } from '../engine/print.ts';

interface AdoptCluster {
  readonly from: string | undefined;
  readonly dryRun: boolean;
  readonly json: boolean;
}

/** `warehouse adopt-cluster` */
export async function adopt(context: Context, { from, dryRun: isDryRun, json }: AdoptCluster): Promise<number> {
  await using platform = openPlatform(context, { mayJoinBroker: true, topics: 'exist' });
  const adopted = await adoptCluster(platform, context, { isDryRun, ...(from !== undefined && { from }) });
  context.progress[Symbol.dispose]();
  print({ json }, adoptedShape, adopted, () => textOf(adopted));
  return ExitCode.done;
}

function textOf({ isDryRun, from, to, partitions }: Adopted): string {
  const compared = partitions.map(
    ({ topic, partition, end, compared, documents }) =>
      `${topic}/${partition}: ${compared} records are equal, ${documents} of them with their documents; the loader continues at ${end}`,
  );
  const outcome = isDryRun
    ? `The cluster ${to} can continue ${from}: run the command without --dry-run.`
    : `The cluster ${to} continues ${from}: start the loader.`;
  const withoutRow = partitions.reduce((sum, one) => sum + one.withoutRow, 0);
  const parked = `${withoutRow} records have no row, because they were parked, and are accepted today: "replay raw --all" adds them afterwards.`;
  return [...compared, ...(withoutRow > 0 ? [parked] : []), outcome].join('\n');
}
