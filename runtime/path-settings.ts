import { accessSync, closeSync, constants, lstatSync, openSync, readSync, type Stats, statSync } from 'node:fs';
import { resolve } from 'node:path';
import { meaningOf, reasonOf } from './file-error.ts';

/**
 * What the path of a setting must name. `folder to write` and `file to write` are created if they are missing; if they
 * exist, they must be of this kind. A `side output` may be wrong without stopping a command (ADR 34), so only its text is
 * checked here. A `rotating file` is written by another program, and may be missing at the start.
 */
export type PathKind =
  | 'folder to write'
  | 'file to write'
  | 'side output'
  | 'existing folder'
  | 'file to read'
  | 'rotating file';

/** Longest secret or key in a file (bytes). A private key of 16,384 bits as PEM has 13 KB. */
export const maxSmallFileBytes = 65_536;

/** What is wrong with a path, and what to do; null if nothing is. Changes nothing, and never waits for a FIFO or a device. */
export function pathMistake(kind: PathKind, text: string): string | null {
  const mistake = textMistake(text);
  if (mistake !== null || kind === 'side output') return mistake;
  const path = resolve(text);
  const wrong = (why: string) => `${path} ${why}`;
  const stats = statsOf(path);
  if (stats === 'missing') {
    if (kind === 'file to read') return `there is no file ${path}: correct the path, or leave the setting empty`;
    return kind === 'existing folder' ? `there is no folder ${path}: create it, or choose another` : null;
  }
  if (typeof stats === 'string') return wrong(stats);
  const isFolder = kind === 'folder to write' || kind === 'existing folder';
  const notSo = kindMistake(stats, isFolder ? 'folder' : 'file');
  if (notSo !== null) return wrong(notSo);
  return kind === 'file to read' || kind === 'rotating file' ? accessMistake(path, wrong) : null;
}

/** What no path may contain. Never quotes the text: it may be a secret. */
function textMistake(text: string): string | null {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the pattern refuses control characters
  if (/[\u0000-\u001f\u007f]/.test(text)) return 'has a line break or another control character: correct the path';
  if (text !== text.trim()) return 'begins or ends with a space: remove it, or put the path in quotes without it';
  if (text.startsWith('~')) return 'begins with "~", which only a shell replaces: write the whole path';
  return null;
}

/** The path's stats, `missing`, or why it cannot be read. */
function statsOf(path: string): Stats | string {
  try {
    return statSync(path);
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException;
    if (code !== 'ENOENT') return `cannot be used: ${meaningOf(code)}`;
    const isLink = lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() === true;
    return isLink
      ? 'is a symbolic link to a target that does not exist: remove the link, or create its target'
      : 'missing';
  }
}

function kindMistake(stats: Stats, wanted: 'file' | 'folder'): string | null {
  const isIt = wanted === 'file' ? stats.isFile() : stats.isDirectory();
  return isIt ? null : `is ${nameOf(stats)}, expected a ${wanted}: choose another path`;
}

function nameOf(stats: Stats): string {
  if (stats.isFile()) return 'a file';
  if (stats.isDirectory()) return 'a folder';
  if (stats.isFIFO()) return 'a pipe';
  return stats.isSocket() ? 'a socket' : 'a device';
}

function accessMistake(path: string, wrong: (why: string) => string): string | null {
  try {
    accessSync(path, constants.R_OK);
    return null;
  } catch (error) {
    return wrong(unreadable(error));
  }
}

const unreadable = (error: unknown): string => {
  const { code = '' } = error as NodeJS.ErrnoException;
  return `cannot be read: ${reasonOf(code)}; give this user the right to read it, or correct the path`;
};

/**
 * Reads a small file, such as a secret or a key. @throws Error that says what is wrong and what to do, without the path:
 * the setting may contain the secret itself by mistake.
 */
export function readSmallFile(path: string): string {
  const mistake = textMistake(path);
  if (mistake !== null) throw new Error(mistake);
  const stats = statsOf(resolve(path));
  if (stats === 'missing')
    throw new Error('cannot be read: there is no such file; correct the path, or leave it empty');
  if (typeof stats === 'string') throw new Error(stats);
  const notSo = kindMistake(stats, 'file');
  if (notSo !== null) throw new Error(`cannot be read: it ${notSo}`);
  let text: string | null;
  try {
    text = boundedText(path);
  } catch (error) {
    throw new Error(unreadable(error));
  }
  if (text !== null) return text;
  throw new Error(`is larger than ${maxSmallFileBytes / 1_024} KB: expected a file with nothing but the secret or key`);
}

/** null if it is too large. Non-blocking: a pipe may have replaced it since the check, and some files of /proc block. */
function boundedText(path: string): string | null {
  const descriptor = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const bytes = Buffer.alloc(maxSmallFileBytes + 1);
    let length = 0;
    for (let read = -1; read !== 0 && length < bytes.length; length += read) {
      read = readSync(descriptor, bytes, length, bytes.length - length, null);
    }
    return length > maxSmallFileBytes ? null : bytes.toString('utf8', 0, length);
  } finally {
    closeSync(descriptor);
  }
}
