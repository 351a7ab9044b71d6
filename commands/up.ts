import { serviceNames } from '../runtime/service-names.ts';
import { defineCommand } from './engine/command.ts';

export const up = defineCommand({
  name: 'up',
  summary: 'run a broker and a token store for the other commands',
  description: [
    'Starts Kafka and a token store (Valkey or Redis) on this machine, and stops them at the end. The commands with the same ' +
      'DATA_DIR, in other terminals or as other services, find them there and share one rate limit. They wait while it is ' +
      'restarted. It runs until you stop it.',
    'The token store is the valkey-server or redis-server on the PATH. If there is none, a Redis is installed. With your own ' +
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
