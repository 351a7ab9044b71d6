import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Answer } from './answer.ts';

/** The only files that the server has, so no address can name another one. */
const types: Readonly<Record<string, string>> = {
  'app.css': 'text/css; charset=utf-8',
  'app.js': 'text/javascript; charset=utf-8',
  'icon.svg': 'image/svg+xml',
};

const answers: ReadonlyMap<string, Answer> = new Map(
  Object.entries(types).map(([file, type]) => {
    const body = readFileSync(join(import.meta.dirname, 'static', file), 'utf8');
    return [`/${file}`, { status: 200, type, body }];
  }),
);

/** A file of the page; undefined if the path names none. */
export const staticAnswer = (path: string): Answer | undefined => answers.get(path);
