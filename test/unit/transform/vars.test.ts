import { expect, it } from 'vitest';
import { loadConfig } from '../../../platform/config.ts';
import type { Context } from '../../../platform/context.ts';
import { varsOf } from '../../../transform/transform.ts';

it.each([
  [{}, {}],
  [{ TMDB_RETENTION: '171d' }, { drift_memory_days: 171 }],
])('dbt forgets shapes of documents after TMDB_RETENTION: %j', (settings, expected) => {
  const context = { config: loadConfig(settings) } as Context;
  expect(varsOf(context, 'f')).toEqual({ project_fingerprint: 'f', ...expected });
});
