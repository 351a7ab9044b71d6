import { Cron } from 'croner';
import { orNull } from '../runtime/or-null.ts';
import { objectOf, type SettingsGroup, setting } from '../runtime/setting.ts';
import { choice, parsedBy } from '../runtime/setting-kinds.ts';

/** A cron pattern that has a next time; null for any other text. */
const parseSchedule = (text: string): string | null =>
  orNull(() => (new Cron(text, { paused: true }).nextRun() ? text : null));

const settings = {
  transformSchedule: setting({
    name: 'TRANSFORM_SCHEDULE',
    kind: {
      schema: parsedBy(parseSchedule, '*/5 * * * * (a cron pattern, in UTC)'),
      form: 'cron pattern in UTC, seconds allowed',
    },
    default: '*/5 * * * *',
    meaning: 'When `run` and `schedule` check whether dbt has work.',
  }),
  transformFullRefresh: setting({
    name: 'TRANSFORM_FULL_REFRESH',
    kind: choice('auto', 'defer', 'refuse'),
    default: 'auto',
    meaning:
      'What happens when the SQL of the dbt project has changed, so that every table must be built from all of BRONZE: `auto` builds at once, `defer` builds nothing until `transform --full-refresh`, and `refuse` also fails until then. The published GOLD does not change meanwhile. `status` shows the estimated cost.',
  }),
  transformDrift: setting({
    name: 'TRANSFORM_DRIFT',
    kind: choice('observe', 'warn', 'fail'),
    default: 'observe',
    meaning:
      "What dbt does when TMDb's newest documents differ from the pinned shape: only record it (see `drift`), also warn in each build, or fail the build, so that GOLD is not published.",
  }),
};

/** The stages that follow a schedule are in folders above the platform, which composes all settings and cannot import them. */
export const scheduleGroup = {
  title: 'Schedules',
  prefixes: ['TRANSFORM_'],
  settings,
  schema: objectOf(settings),
} satisfies SettingsGroup;
