import { serviceNames } from '../runtime/service-names.ts';
import { defineCommand } from './engine/command.ts';

export const dashboard = defineCommand({
  name: 'dashboard',
  summary: 'show GOLD in a browser',
  description: [
    'Serves pages with the figures of GOLD under http://127.0.0.1:8484 (DASHBOARD_LISTEN) until you stop it. It reads the ' +
      'published copy of GOLD (DUCKDB_GOLD_PATH), holds no lock, and shows each new build as soon as it is published.',
    'It only reads. Other machines need a name in DASHBOARD_HOSTS, and a proxy with TLS; DASHBOARD_TOKEN makes it ask for a ' +
      'token. docs/dashboard.md has the details.',
  ],
  examples: [['dashboard', 'serve until Ctrl-C or SIGTERM']],
  options: {},
  service: serviceNames.dashboard,
  isService: () => true,
  load: async () => (await import('./actions/dashboard.ts')).dashboard,
});
