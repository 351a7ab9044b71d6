import type { Clock } from '../runtime/clock.ts';
import type { ProxySettings } from '../runtime/proxy.ts';
import type { SettingsGroup } from '../runtime/setting.ts';
import type { OnFileWait, WarehouseSystem } from './system.ts';

/** What the settings of a warehouse depend on besides its own group. */
export interface Surroundings {
  /** The folder of the files whose paths are not set. */
  readonly dataDir: string;
  /** How servers are reached. */
  readonly proxy: ProxySettings;
}

/** What an open warehouse is given. */
export interface WarehouseUse {
  readonly clock: Clock;
  /** How long (ms) the documents of answers are kept. */
  readonly retentionMs: number;
  /** Ends each wait for a lock. */
  readonly signal: AbortSignal;
  /** Called by a warehouse that is one file: it reports to the result while another process has the file. */
  watchFile(): OnFileWait;
}

/** A file that the warehouse writes. */
export interface WarehouseFile {
  /** The variable that names it. */
  readonly setting: string;
  readonly path: string;
  /** Whether everything else works without it, such as a copy for readers. */
  readonly isSideOutput: boolean;
}

/**
 * One kind of warehouse: all that the rest of the program knows about it. `Given` are the values of its settings group, `Settings` those
 * with which it opens.
 */
export interface WarehouseKind<Given = unknown, Settings = unknown> {
  readonly group: SettingsGroup<Given>;
  /** The default of LOAD_MAX_AGE, as a person writes it. */
  readonly defaultMaxAge: string;
  /** What is missing or contradicts itself if this warehouse is chosen: the property of the group, and what to do. */
  mistakes(given: Given): Iterable<readonly [property: string, message: string]>;
  /** @param given settings in which `mistakes` finds nothing. */
  settings(given: Given, surroundings: Surroundings): Settings;
  /** The files of this machine that it writes. */
  files(settings: Settings): readonly WarehouseFile[];
  /** The server that it reaches through the proxy; null if it reaches none. */
  server(settings: Settings): string | null;
  /** Connects to nothing yet. */
  open(settings: Settings, use: WarehouseUse): WarehouseSystem;
}

/** Checks a kind against its own types. */
export const defineWarehouse = <const Group extends SettingsGroup<Given>, Given, Settings>(
  kind: WarehouseKind<Given, Settings> & { readonly group: Group },
): typeof kind => kind;
