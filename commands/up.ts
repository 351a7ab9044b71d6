import { serviceNames } from '../runtime/service-names.ts';
import { defineCommand } from './engine/command.ts';

export const up = defineCommand({
  name: 'up',
  summary: 'run a broker and a token store for the other commands',
  description: [
    'Starts Kafka and a token store (Valkey or Redis) on this machine, and stops both when it ends. Commands with the same ' +
      'DATA_DIR, in other terminals or as services, find them and share one rate limit. They wait while "up" is restarted. ' +
      'It runs until you stop it.',
    'The token store is the valkey-server or redis-server on the PATH. If there is none, "up" installs a Redis. With your own ' +
      'cluster (KAFKA_BROKERS) and store (TOKEN_BUCKET_URL), you do not need this command.',
  ],
  examples: [['up', 'run until Ctrl-C or SIGTERM']],
  options: {},
  writes: ['broker'],
  tools: ['kafka', 'redis'],
  service: serviceNames.up,
  isService: () => true,
  load: async () => (await import('./actions/up.ts')).up,
});
