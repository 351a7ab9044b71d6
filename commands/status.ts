import { json } from './common-options.ts';
import { defineCommand } from './engine/command.ts';
import { flag } from './engine/option.ts';

export const status = defineCommand({
  name: 'status',
  summary: 'show the lag of each stage and the age of each layer',
  description: [
    'Shows how many records of each topic wait for their consumer and how old the oldest one is, the tokens of a shared ' +
      'bucket, when each layer last changed, the last flush, the dead letters, the last dbt run with its failures, the last ' +
      'coverage report, and on Snowflake an estimate of the cost of the last day.',
    'Without KAFKA_BROKERS, it uses the broker of a running command, or starts one. If it cannot reach a part, it shows the ' +
      'reason instead. If another process has the DuckDB file open, it waits a few seconds at most.',
  ],
  examples: [
    ['status', 'show it once'],
    ['status --watch', 'show it every 2 seconds'],
  ],
  options: {
    watch: flag(
      'show it every 2 seconds until you stop it. On Snowflake, this keeps the transform warehouse running, which costs ' +
        'credits (docs/cost.md)',
    ),
    json,
  },
  writes: ['broker'],
  tools: ['kafka'],
  exits: { 5: 'a part cannot be read; with --watch, the exit code is 0' },
  shape: async () => (await import('../pipeline/status.ts')).statusShape,
  load: async () => (await import('./actions/status.ts')).showStatus,
});
