import { defineWarehouse } from '../kind.ts';
import { duckDbGroup, duckDbSettings } from './settings.ts';
import { duckDbSystem } from './system.ts';

/** A file of this machine. */
export const duckDb = defineWarehouse({
  group: duckDbGroup,
  defaultMaxAge: '1s',
  mistakes: () => [],
  settings: (given, { dataDir }) => duckDbSettings(given, dataDir),
  files: ({ duckdbPath, goldPath }) => [
    { setting: duckDbGroup.settings.path.name, path: duckdbPath, isSideOutput: false },
    { setting: duckDbGroup.settings.goldPath.name, path: goldPath, isSideOutput: true },
  ],
  server: () => null,
  open: duckDbSystem,
});
