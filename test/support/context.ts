import { loadConfig } from '../../platform/config.ts';
import type { Context } from '../../platform/context.ts';
import { systemClock } from '../../runtime/clock.ts';
import { Health } from '../../runtime/health.ts';
import { createMetrics } from '../../runtime/metrics.ts';
import { noProgress } from '../../runtime/progress.ts';
import { silent } from './kafka/broker.ts';

/** The input of a command with these settings. `more` replaces parts of it. */
export const testContext = (env: NodeJS.ProcessEnv, more: Partial<Context> = {}): Context => ({
  config: loadConfig(env),
  log: silent,
  progress: noProgress,
  signal: new AbortController().signal,
  metrics: createMetrics('test'),
  health: new Health(systemClock),
  ...more,
});
