import { Cron } from 'croner';
import { objectOf, type SettingsGroup, setting } from '../runtime/setting.ts';
import { parsedBy, path } from '../runtime/setting-kinds.ts';

/** A cron pattern that has a next time; null for any other text. */
function parseSchedule(text: string): string | null {
  try {
    return new Cron(text, { paused: true }).nextRun() ? text : null;
  } catch {
    return null;
  }
}

const settings = {
  dataDir: setting({
    name: 'DATA_DIR',
    kind: path('folder to write'),
    meaning:
      'Folder of the local broker, the DuckDB file and the files of dbt. A new one can be read only by its user. ORIGIN is `tmdb`, `recorded` or `generated`, so invented and real movies never mix.',
    defaultNote: '`data/ORIGIN`',
  }),
  transformSchedule: setting({
    name: 'TRANSFORM_SCHEDULE',
    kind: {
      schema: parsedBy(parseSchedule, '*/5 * * * * (a cron pattern, in UTC)'),
      form: 'cron pattern in UTC, seconds allowed',
    },
    default: '*/5 * * * *',
    meaning: 'When `run` and `schedule` check whether dbt has work.',
  }),
};

/** Settings of stages on higher layers. The platform composes all settings, and cannot import from those layers. */
export const stageGroup = {
  title: 'Data folder and schedule',
  prefixes: ['TRANSFORM_'],
  settings,
  schema: objectOf(settings),
} satisfies SettingsGroup;
