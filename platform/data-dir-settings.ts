import { objectOf, type SettingsGroup, setting } from '../runtime/setting.ts';
import { path } from '../runtime/setting-kinds.ts';

const settings = {
  dataDir: setting({
    name: 'DATA_DIR',
    kind: path('folder to write'),
    meaning:
      'Folder of the local broker, the DuckDB file and the files of dbt. Only its user can read a new folder. ORIGIN is `tmdb`, `recorded` or `generated`, so invented and real movies never mix.',
    defaultNote: '`data/ORIGIN`',
  }),
};

export const dataDirGroup = {
  title: 'Data folder',
  prefixes: [],
  settings,
  schema: objectOf(settings),
} satisfies SettingsGroup;
