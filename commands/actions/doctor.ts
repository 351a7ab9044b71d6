import { examine } from '../../pipeline/doctor.ts';
import type { Context } from '../../platform/context.ts';
import { ExitCode } from '../../runtime/errors.ts';
import { print } from '../engine/print.ts';

/** `doctor` */
export async function doctor(context: Context, options: { readonly json: boolean }): Promise<number> {
  const findings = await examine(context);
  const width = Math.max(...findings.map(({ check }) => check.length));
  const lines = findings.map(
    ({ check, ok, isWarning, detail }) =>
      `${isWarning ? 'warn ' : ok ? 'ok   ' : 'WRONG'}  ${check.padEnd(width)}  ${detail}`,
  );
  print(options, findings, lines.join('\n'));
  return findings.every(({ ok }) => ok) ? ExitCode.done : ExitCode.failed;
}
