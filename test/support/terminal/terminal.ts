import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { stripVTControlCharacters } from 'node:util';
import { cellsOf } from '../../../runtime/cells.ts';

/** What a command has written to its terminal. */
export interface Transcript {
  readonly code: number;
  /** In the order in which it appeared. */
  readonly chunks: readonly { readonly seconds: number; readonly text: string }[];
}

const script = join(import.meta.dirname, 'in_terminal.py');

export interface TerminalOptions {
  readonly columns: number;
  readonly cwd: string;
  /** The whole environment, to which TERM is added. */
  readonly env: Readonly<Record<string, string>>;
  /** Receives what has just appeared. */
  readonly onText?: (text: string) => void;
}

/** Runs a command in a terminal. */
export async function runInTerminal(
  command: readonly string[],
  { columns, cwd, env, onText = () => {} }: TerminalOptions,
): Promise<Transcript> {
  const child = spawn('python3', [script, String(columns), ...command], {
    cwd,
    env: { TERM: 'xterm-256color', ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const chunks: { seconds: number; text: string }[] = [];
  let code: number | undefined;
  createInterface({ input: child.stdout }).on('line', (line) => {
    const parsed = JSON.parse(line);
    if ('code' in parsed) {
      code = parsed.code;
    } else {
      chunks.push(parsed);
      onText(parsed.text);
    }
  });
  await once(child, 'close');
  if (code === undefined) throw new Error(`${command.join(' ')} has not ended`);
  return { code, chunks };
}

export const textOf = ({ chunks }: Transcript): string => chunks.map(({ text }) => text).join('');

/** Everything that was in a row of the terminal at some time, without colors. A row that is overwritten counts as several. */
export const rowsOf = (transcript: Transcript): string[] =>
  textOf(transcript)
    .split(/[\r\n]+/)
    .map((row) => stripVTControlCharacters(row).trimEnd())
    .filter((row) => row !== '');

/**
 * Rows that do not fit. A row without a place to break it counts as fitting, and so does a command to paste, which begins
 * with a space or with `Usage:`. So does the row in which npm shows its script, which begins with `>`.
 */
export const tooWide = (transcript: Transcript, columns: number): string[] =>
  rowsOf(transcript).filter((row) => cellsOf(row) > columns && row.includes(' ') && !/^(?: |Usage:|> )/.test(row));

/** When a text appeared first, in seconds from the start; undefined if it never did. */
export function appearedAt({ chunks }: Transcript, text: string): number | undefined {
  let seen = '';
  return chunks.find((chunk) => {
    seen += stripVTControlCharacters(chunk.text);
    return seen.includes(text);
  })?.seconds;
}
