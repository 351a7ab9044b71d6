import { serveDashboard } from '../../pipeline/dashboard.ts';
import type { Context } from '../../platform/context.ts';
import { ExitCode } from '../../runtime/errors.ts';

/** `dashboard` */
export async function dashboard(context: Context): Promise<number> {
  await serveDashboard(context, (url) => {
    process.stdout.write(`The dashboard is at ${url}. Ctrl-C stops it.\n`);
  });
  return ExitCode.done;
}
