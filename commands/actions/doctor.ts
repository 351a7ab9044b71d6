import { examine, findingsShape } from '../../pipeline/doctor.ts';
import type { Context } from '../../platform/context.ts';
import { ExitCode } from '../../runtime/errors.ts';
import { print } from '../engine/print.ts';

const verdicts = { ok: 'ok   ', warn: 'warn ', wrong: 'WRONG' };

/** `doctor` */
export async function doctor(context: Context, options: { readonly json: boolean }): Promise<number> {
  const findings = await examine(context);
  const width = Math.max(...findings.map(({ check }) => check.length));
  const lines = findings.map(({ check, verdict, detail }) => `${verdicts[verdict]}  ${check.padEnd(width)}  ${detail}`);
  print(options, findingsShape, { findings }, lines.join('\n'));
  return findings.every(({ verdict }) => verdict !== 'wrong') ? ExitCode.done : ExitCode.partial;
}
