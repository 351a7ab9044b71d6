import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { escapeControls } from './escape-controls.ts';
import { orNull } from './or-null.ts';
import { statFields } from './process-identity.ts';

/** What another process runs, as far as this process may see it. */
export interface Program {
  /** Such as `python3.11`, or `tmdb-stream load` for one of our commands; null if it is not visible (no rights, no /proc). */
  readonly name: string | null;
  /** Suspended by SIGSTOP or a debugger: it releases nothing until it continues. */
  readonly isStopped: boolean;
}

/** Inspects a process of this machine and pid namespace. Arguments are not shown, except the name of our command. */
function programOf(pid: number): Program {
  return { name: nameOf(pid), isStopped: /^[Tt]$/.test(statFields(pid)[0] ?? '') };
}

function nameOf(pid: number): string | null {
  const args = read(`/proc/${pid}/cmdline`).split('\0');
  const ours = args.findIndex((arg) => basename(arg) === 'cli.ts');
  if (ours >= 0) return escapeControls(`tmdb-stream ${args[ours + 1] ?? ''}`.trim());
  const name = basename(args[0] ?? '') || read(`/proc/${pid}/comm`).trim();
  return name === '' ? null : escapeControls(name);
}

const read = (file: string): string => orNull(() => readFileSync(file, 'utf8')) ?? '';

/** For messages: `python3.11 (pid 42)`. @param name what is known of it from elsewhere. */
export function describeProgram(
  pid: number,
  name: string | null = null,
  look: (pid: number) => Program = programOf,
): string {
  const program = look(pid);
  const shown = program.name ?? (name === null ? null : escapeControls(name)) ?? 'a process';
  const stopped = program.isStopped ? `, suspended: "kill -CONT ${pid}" lets it continue` : '';
  return `${shown} (pid ${pid}${stopped})`;
}
