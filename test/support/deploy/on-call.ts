import { read } from './project.ts';

/** Where processes run: the columns of the tables in the runbook's section "On call", in their order. */
export const worlds = ['in terminals', 'with systemd', 'in containers'] as const;
type World = (typeof worlds)[number];

interface Step {
  /** What it is for. */
  readonly purpose: string;
  /** A command in backticks, or a text such as `Ctrl-C in its terminal`; `-` if the world needs no such step. */
  readonly cells: Readonly<Record<World, string>>;
}

export interface Trouble {
  readonly title: string;
  readonly steps: readonly Step[];
}

/** The command of a cell; undefined if the cell is a text. */
export const commandOf = (cell: string): string | undefined => /^`([^`]+)`$/.exec(cell)?.[1]?.replaceAll('\\|', '|');

/** A row of a table as cells. A vertical bar in a cell is `\|`. */
export const cellsOf = (row: string): string[] =>
  row
    .split(/(?<!\\)\|/)
    .slice(1, -1)
    .map((cell) => cell.trim());

/** The troubles of the runbook's section "On call". */
export function onCall(): Trouble[] {
  const [, section = ''] = /\n## On call\n(.*?)\n## /s.exec(read('docs/runbook.md')) ?? [];
  return section
    .split(/^### /m)
    .slice(1)
    .map((text) => {
      const [title = ''] = text.split('\n');
      const [header, , ...rows] = text.split('\n').filter((line) => line.startsWith('|'));
      const columns = cellsOf(header ?? '').slice(1);
      if (columns.join() !== worlds.join()) throw new Error(`${title}: the columns are ${columns.join()}`);
      return { title, steps: rows.map(toStep) };
    });
}

function toStep(row: string): Step {
  const [purpose = '', terminals = '', systemd = '', containers = ''] = cellsOf(row);
  return { purpose, cells: { 'in terminals': terminals, 'with systemd': systemd, 'in containers': containers } };
}
