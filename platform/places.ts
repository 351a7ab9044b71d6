import { accessSync, constants, existsSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { IngestError, UsageError } from '../runtime/errors.ts';
import { asFileError, FileError, isDiskFull, meaningOf } from '../runtime/file-error.ts';
import { makeFolder } from '../runtime/make-folder.ts';
import { pathMistake } from '../runtime/path-settings.ts';
import { filesOf } from '../warehouse/registry.ts';
import type { Config } from './config.ts';

/** What a command writes: the data of its own broker, files of its own such as dbt's, the files of the warehouse. */
export type Written = 'broker' | 'work files' | 'warehouse';

/** A path that is written, and the setting that names it. */
export interface Place {
  readonly setting: string;
  readonly folder: string;
  /** A file in the folder that is written, if it exists. */
  readonly file?: string;
}

type Paths = Pick<Config, 'dataDir' | 'warehouse'>;

/** The places that a command writes to under this configuration, from what it writes. */
export function placesOf(
  { dataDir, kafka, warehouse }: Paths & Pick<Config, 'kafka'>,
  written: readonly Written[],
): Place[] {
  const places: Place[] = [];
  if (written.includes('work files') || (written.includes('broker') && !kafka.brokers)) {
    places.push({ setting: 'DATA_DIR', folder: dataDir });
  }
  if (!written.includes('warehouse')) return places;
  for (const { setting, path, isSideOutput } of filesOf(warehouse)) {
    const folder = dirname(path);
    // A file without a path of its own is in the data folder.
    if (!isSideOutput) places.push({ setting: folder === dataDir ? 'DATA_DIR' : setting, folder, file: path });
  }
  return places;
}

/**
 * Tries to write in each place, so that a command fails before it does any work. Creates missing folders. Does not
 * refuse a full disk, because a service waits until space is available.
 * @throws UsageError with a line for each place that cannot be written.
 */
export function preparePlaces(places: readonly Place[]): void {
  const mistakes = places.flatMap((place) => {
    try {
      return placeMistake(place) ?? [];
    } catch {
      return [];
    }
  });
  if (mistakes.length > 0) throw new UsageError([...new Set(mistakes)].join('\n'));
}

/** @returns null if it can be written. @throws FileError if the disk is full, because then no setting is wrong. */
export function placeMistake({ setting, folder, file }: Place): string | null {
  try {
    makeFolder(folder);
    tryToWrite(folder);
    // The file is not opened, because closing it would release the lock that DuckDB may have on it in this process.
    if (file !== undefined && existsSync(file)) accessSync(file, constants.R_OK | constants.W_OK);
    return null;
  } catch (thrown) {
    const error = asFileError(thrown);
    if (error instanceof IngestError && isDiskFull(error)) throw error;
    const { code = '', path = folder } = thrown as NodeJS.ErrnoException;
    return `${setting}: ${path} cannot be written: ${meaningOf(code)}`;
  }
}

/** Why the copy of GOLD for readers cannot be written; empty if it can, or if there is none. */
export const goldCopyMistakes = ({ warehouse }: Pick<Config, 'warehouse'>): string[] =>
  filesOf(warehouse).flatMap(({ setting, path, isSideOutput }) => {
    if (!isSideOutput) return [];
    const ofKind = pathMistake('file to write', path);
    return ofKind === null ? (placeMistake({ setting, folder: dirname(path) }) ?? []) : `${setting}: ${ofKind}`;
  });

function tryToWrite(folder: string): void {
  const probe = join(folder, `.tmdb-stream-${process.pid}.probe`);
  try {
    writeFileSync(probe, '');
  } catch (error) {
    throw Object.assign(error as Error, { path: folder });
  } finally {
    rmSync(probe, { force: true });
  }
}

/** Errors that another path or other permissions would avoid. A full or failing disk is not a mistake in a setting. */
const mistakesOfSettings = new Set('ENOENT EEXIST ENOTDIR EISDIR ELOOP ENAMETOOLONG EACCES EPERM EROFS'.split(' '));

/**
 * Adds the setting that names the place of a file that cannot be used, and makes it an error of the configuration if the
 * setting is to blame. Returns any other error as it is.
 */
export function withSetting(error: IngestError, { dataDir, warehouse }: Paths): IngestError {
  const file = error instanceof FileError ? error : error.cause;
  if (!(file instanceof FileError)) return error;
  const { path, systemCode } = file;
  // The longest path first: one may be the beginning of another.
  const places = [...filesOf(warehouse), { setting: 'DATA_DIR', path: dataDir }];
  const { setting } =
    places.toSorted((a, b) => b.path.length - a.path.length).find((place) => path?.startsWith(place.path)) ?? {};
  if (setting === undefined) return error;
  const message = `${setting}: ${error.message}`;
  return mistakesOfSettings.has(systemCode)
    ? new UsageError(message, { cause: error })
    : new FileError(systemCode, message, { cause: error, path });
}
