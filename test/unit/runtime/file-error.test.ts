import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { UsageError } from '../../../runtime/errors.ts';
import { asFileError, FileError, isDiskFull } from '../../../runtime/file-error.ts';

const failure = (code: string, text: string, path?: string) =>
  Object.assign(new Error(`${code}: ${text}, write`), { code, ...(path !== undefined && { path }) });

/** The system's code and text, and our message. */
const failures = [
  ['ENOSPC', 'No space left on device', /no space left on its disk; make room/],
  ['EDQUOT', 'Disk quota exceeded', /no space left in this user's quota; make room/],
  ['EFBIG', 'File too large', /ulimit -f/],
  ['EROFS', 'Read-only file system', /read-only; set DATA_DIR/],
  ['EACCES', 'Permission denied', /no permission; give this user/],
  ['EPERM', 'Operation not permitted', /no permission; give this user/],
  ['ENOTDIR', 'Not a directory', /a file is where a folder has to be; move it/],
  ['EISDIR', 'Is a directory', /a folder is where a file has to be; move it/],
  ['EMFILE', 'Too many open files', /ulimit -n/],
  ['EIO', 'Input/output error', /the disk fails/],
] as const;

describe('a failure of the file system', () => {
  const folder = mkdtempSync(join(tmpdir(), 'tmdb-stream-file-error-'));
  afterAll(() => rmSync(folder, { recursive: true }));

  it.each(failures)('%s is reported in one line that says which file, why, and what to do', (code, text, wanted) => {
    const ofNode = asFileError(failure(code, text.toLowerCase(), '/data/x'));
    const ofDuckDb = asFileError(
      new Error(`TransactionContext Error: IO Error: Could not write file "/data/x": ${text}\n\nmore`),
    );
    const ofCommit = asFileError(
      new Error(`TransactionContext Error: Failed to commit: Could not write file "/data/x": ${text}`),
    );
    for (const error of [ofNode, ofDuckDb, ofCommit]) {
      expect(error).toBeInstanceOf(FileError);
      expect(error).toMatchObject({
        systemCode: code,
        retriable: false,
        exitCode: 1,
        message: expect.stringMatching(wanted),
      });
      expect((error as Error).message).toMatch(/^\/data\/x cannot be used: .*$/);
    }
  });

  it('has the same type from every source: Node', () => {
    const file = join(folder, 'file');
    writeFileSync(file, '');
    const attempt = (act: () => void) => {
      try {
        act();
      } catch (error) {
        return asFileError(error);
      }
      return null;
    };
    expect(attempt(() => mkdirSync(join(file, 'x')))).toMatchObject({ systemCode: 'ENOTDIR' });
    expect(attempt(() => writeFileSync(folder, ''))).toMatchObject({ systemCode: 'EISDIR' });
  });

  it('leaves all other errors as they are', () => {
    const others = [
      new Error('No space left on device'),
      new UsageError('EROFS'),
      failure('ECONNREFUSED', 'refused'),
      'text',
      null,
    ];
    for (const error of others) expect(asFileError(error)).toBe(error);
  });

  it('is detected as a full disk by its type, or by the text of dbt', () => {
    expect(isDiskFull(asFileError(failure('ENOSPC', 'no space left on device')))).toBe(true);
    expect(isDiskFull(asFileError(failure('EDQUOT', 'disk quota exceeded')))).toBe(true);
    expect(isDiskFull(new Error('dbt build ended with exit code 2\n[Errno 28] No space left on device'))).toBe(true);
    expect(isDiskFull(asFileError(failure('EROFS', 'read-only file system')))).toBe(false);
    expect(isDiskFull(new Error('a model failed'))).toBe(false);
  });
});
