import { serviceNames } from '../runtime/service-names.ts';
import { defineCommand } from './engine/command.ts';

export const dashboard = defineCommand({
  name: 'dashboard',
  summary: 'show GOLD in a browser',
  description: [
    'Serves pages with the figures of GOLD at http://127.0.0.1:8484 (DASHBOARD_LISTEN) until you stop it. It reads the ' +
      'published copy of GOLD (DUCKDB_GOLD_PATH), holds no lock, and shows each new build as soon as it is published. On ' +
      'Snowflake it copies GOLD into its memory after each build.',
    'It never writes. To open it from other machines, list its host name in DASHBOARD_HOSTS and use a proxy with TLS. With ' +
      'DASHBOARD_TOKEN, it asks for a token. docs/dashboard.md has the details.',
  ],
  examples: [['dashboard', 'serve until Ctrl-C or SIGTERM']],
  options: {},
  service: serviceNames.dashboard,
  isService: () => true,
  load: async () => (await import('./actions/dashboard.ts')).dashboard,
});
