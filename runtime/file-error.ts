import { IngestError, messageOf } from './errors.ts';

/** A file or folder cannot be used. The message says which one, why, and what to do. */
export class FileError extends IngestError {
  readonly code = 'file_unusable';
  /** A retry fails as well: first a person has to free disk space or grant rights. */
  readonly retriable = false;
  /** The error code of the operating system, such as ENOSPC. */
  readonly systemCode: string;
  /** The file or folder, if the error names one. */
  readonly path: string | undefined;

  constructor(systemCode: string, message: string, options?: ErrorOptions & { readonly path?: string | undefined }) {
    super(message, options);
    this.systemCode = systemCode;
    this.path = options?.path;
  }
}

interface Meaning {
  /** The system's own message, which DuckDB and dbt repeat. */
  readonly text: RegExp;
  readonly reason: string;
  readonly advice: string;
}

const elsewhere = 'give this user the right to write there, or set DATA_DIR to another folder';

const meanings: Readonly<Record<string, Meaning>> = {
  ENOSPC: { text: /No space left on device/, reason: 'no space left on its disk', advice: 'make room' },
  EDQUOT: { text: /Disk quota exceeded/, reason: "no space left in this user's quota", advice: 'make room' },
  EFBIG: { text: /File too large/, reason: 'files may not be so large here', advice: 'raise the limit (ulimit -f)' },
  EROFS: {
    text: /Read-only file system/,
    reason: 'its file system is read-only',
    advice: 'set DATA_DIR to another folder; among containers, run the command in the one of the loader',
  },
  EACCES: { text: /Permission denied/, reason: 'no permission', advice: elsewhere },
  EPERM: { text: /Operation not permitted/, reason: 'no permission', advice: elsewhere },
  ENOTDIR: { text: /Not a directory/, reason: 'a file is where a folder has to be', advice: 'move it away' },
  EISDIR: { text: /Is a directory/, reason: 'a folder is where a file has to be', advice: 'move it away' },
  ENOENT: {
    text: /No such file or directory/,
    reason: 'it is not there, or nothing can be created there',
    advice: 'correct the path',
  },
  EEXIST: { text: /File exists/, reason: 'something else is in its place', advice: 'move it away' },
  ELOOP: {
    text: /Too many levels of symbolic links/,
    reason: 'its symbolic links form a loop',
    advice: 'remove the link',
  },
  ENAMETOOLONG: { text: /File name too long/, reason: 'its name is too long', advice: 'choose a shorter path' },
  EMFILE: { text: /Too many open files/, reason: 'too many open files', advice: 'raise the limit (ulimit -n)' },
  EIO: { text: /Input\/output error/, reason: 'the disk fails', advice: 'look at the log of this machine' },
};

/**
 * Converts a failure of the file system, reported by Node or DuckDB, into a FileError. Returns any other error unchanged: our own error
 * types already say more.
 */
export function asFileError(error: unknown): unknown {
  if (!(error instanceof Error) || error instanceof IngestError) return error;
  const { code: systemCode, path, syscall } = error as NodeJS.ErrnoException;
  // If a program cannot be started, no file is at fault.
  if (syscall?.startsWith('spawn')) return error;
  if (systemCode !== undefined && Object.hasOwn(meanings, systemCode)) return explained(systemCode, path, error);
  // DuckDB reports a failed commit as a TransactionContext Error, with or without `IO Error` in it.
  const code = /\b(?:IO|TransactionContext) Error\b/.test(error.message) ? codeIn(error.message) : undefined;
  return code === undefined ? error : explained(code, /"([^"]+)"/.exec(error.message)?.[1], error);
}

/** Whether the cause is a full disk, judged by the error's type or text. */
export function isDiskFull(error: unknown): boolean {
  const code = error instanceof FileError ? error.systemCode : codeIn(messageOf(error));
  return code === 'ENOSPC' || code === 'EDQUOT';
}

/** The reason behind a code of the operating system. */
export const reasonOf = (code: string): string =>
  meaningsOf(code)?.reason ?? `the system answers ${code || 'with an unknown error'}`;

/** The same, and what to do. */
export const meaningOf = (code: string): string =>
  `${reasonOf(code)}; ${meaningsOf(code)?.advice ?? 'look at the log of this machine'}`;

const meaningsOf = (code: string): Meaning | undefined => (Object.hasOwn(meanings, code) ? meanings[code] : undefined);

const codeIn = (text: string): string | undefined =>
  Object.keys(meanings).find((code) => meanings[code]?.text.test(text) || new RegExp(`\\b${code}\\b`).test(text));

function explained(code: string, path: string | undefined, cause: Error): FileError {
  const [original] = cause.message.split('\n');
  const message = `${path ?? 'a file'} cannot be used: ${meaningOf(code)} (${original})`;
  return new FileError(code, message, { cause, path });
}
