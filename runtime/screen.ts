import { styleText } from 'node:util';
import { cellsOf } from './cells.ts';
import { escapeLines } from './escape-controls.ts';

/** The columns of the terminal that shows standard output; Infinity if it is a file or a pipe, which gets whole lines. */
export const screenWidth = (stream: Pick<NodeJS.WriteStream, 'columns'> = process.stdout): number =>
  stream.columns || Number.POSITIVE_INFINITY;

/** The text in bold, if the stream is a terminal with colors and NO_COLOR is not set. */
export const inBold = (text: string, stream: NodeJS.WriteStream): string => styleText('bold', text, { stream });

/** Why a command failed, for standard error: in red on a terminal, and without characters that control it. */
export const failureText = (text: string): string =>
  `${styleText('red', wrapText(escapeLines(text), screenWidth(process.stderr)), { stream: process.stderr })}\n`;

/** A label at the beginning of a line, as in `requests  241 in 1 min`: further rows begin below the text after it. */
const label = /^\S+ {2,}(?=\S)/;
const longestIndent = 20;

/**
 * Breaks the lines of a text at spaces, so that none has more than `width` columns. A longer word, such as a path, stays whole. So
 * does a line that begins with a space: it is a command, which can be copied only as a whole.
 */
export const wrapText = (text: string, width: number): string =>
  text
    .split('\n')
    .map((line) => (line.startsWith(' ') || cellsOf(line) <= width ? line : wrapLine(line, width)))
    .join('\n');

function wrapLine(line: string, width: number): string {
  const [beginning = ''] = label.exec(line) ?? [];
  const indent = ' '.repeat(beginning.length < Math.min(longestIndent, width / 2) ? beginning.length : 0);
  const rows: string[] = [];
  let row = beginning;
  for (const word of line.slice(beginning.length).split(' ')) {
    const isFirst = row === beginning || row === indent;
    const longer = isFirst ? row + word : `${row} ${word}`;
    if (isFirst || cellsOf(longer) <= width) {
      row = longer;
    } else {
      rows.push(row);
      row = indent + word;
    }
  }
  return [...rows, row].join('\n');
}
