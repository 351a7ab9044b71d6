import { serviceNames } from '../runtime/service-names.ts';
import { json } from './common-options.ts';
import { defineCommand } from './engine/command.ts';
import { defaulted, single } from './engine/option.ts';
import { count, jsonList, millisecondRange, text } from './engine/value-types.ts';

export const sandbox = defineCommand({
  name: 'sandbox',
  summary: 'simulate TMDb on this machine, with faults on request',
  description: [
    "Serves TMDb's endpoints popular, details, genres and changes at http://127.0.0.1:PORT/3, and its daily export of ids at " +
      'http://127.0.0.1:PORT/p/exports, until you stop it. It enforces TMDB_RATE_LIMIT strictly. It serves the movies in the file SANDBOX_CATALOGUE. Without this setting, it invents ' +
      'SANDBOX_MOVIES movies from SANDBOX_SEED. GET /sandbox/stats shows the requests.',
    'To use it, set TMDB_BASE_URL=http://127.0.0.1:8080/3 and TMDB_TOKEN=anything.',
  ],
  examples: [
    ['sandbox', 'serve on port 8080'],
    [`sandbox --faults '[{"kind":"drop","rate":0.05}]'`, 'end 5 % of the connections without an answer'],
  ],
  options: {
    host: defaulted(
      text('HOST', 'a host name or address, such as 127.0.0.1', /^[\w.:-]+$/),
      '127.0.0.1',
      'the address to listen on; 0.0.0.0 within a container',
    ),
    port: defaulted(count(0, 65_535), '8080', 'the port; 0 for any free one'),
    latency: defaulted(millisecondRange, '20-120', 'milliseconds before an answer'),
    drift: defaulted(count(0, 65_535), '0', 'how many places the movies on the popular list move between two pages'),
    faults: single(
      jsonList('FAULTS', 'faults as a JSON list, such as [{"kind":"status","status":503,"rate":0.05}]'),
      'faults to inject, as a JSON list',
    ),
    version: defaulted(
      count(0, 65_535),
      '0',
      'version of the invented movies: in a higher version, some movies have newer numbers',
    ),
    json,
  },
  service: serviceNames.sandbox,
  shape: async () => (await import('./actions/sandbox.ts')).sandboxShape,
  load: async () => (await import('./actions/sandbox.ts')).sandbox,
});
