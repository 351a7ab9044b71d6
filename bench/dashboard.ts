/**
 * `npm run bench -- dashboard`: how long does each page take when nothing is kept, and how much memory does the dashboard need? The
 * GOLD has a million invented movies. It is published again between the rounds, so each round begins without kept pages.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, utimesSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { readDefinitions } from '../dashboard/definitions.ts';
import { pages } from '../dashboard/pages/index.ts';
import { startDashboardServer } from '../dashboard/server.ts';
import { createSite } from '../dashboard/site.ts';
import { keepHeapSmall } from '../dashboard/small-heap.ts';
import { createLogger } from '../runtime/logger.ts';
import { sampleStatus } from '../test/support/dashboard/sample-status.ts';
import { openDuckDbGold } from '../warehouse/duckdb/gold-reader.ts';

const { values: options } = parseArgs({
  options: {
    movies: { type: 'string', default: '1000000' },
    rounds: { type: 'string', default: '5' },
    /** A GOLD that exists already. */
    gold: { type: 'string' },
  },
});

const folder = mkdtempSync(join(tmpdir(), 'tmdb-stream-bench-dashboard-'));
const path = options.gold ?? join(folder, 'gold.duckdb');
const goldMaker = join(import.meta.dirname, '../test/support/dashboard/small-gold.ts');
const note = (text: string) => process.stderr.write(`${text}\n`);

/** Each page, and the choices of the list that cost most. */
const addresses = [
  ...pages.map((page) => (page.match ? '/movies/4711' : page.path)),
  '/movies?search=movie+99',
  '/movies?search=nothing+has+this+title',
  '/movies?genre=Comedy&sort=title&order=up&page=400',
  '/companies?order=return',
  '/budget?genre=Action',
];

try {
  if (options.gold === undefined) {
    // In another process, because the memory of this one is measured.
    const source = `import { publishSmallGold } from ${JSON.stringify(goldMaker)}; await publishSmallGold(${JSON.stringify(path)}, ${Number(options.movies)});`;
    execFileSync(process.execPath, ['--input-type=module', '--eval', source], { stdio: 'inherit' });
  }
  keepHeapSmall();
  await using gold = openDuckDbGold(path);
  const site = createSite({
    ...{ gold, definitions: readDefinitions(), remark: null },
    readOperations: async () => sampleStatus,
  });
  const server = { listen: { host: '127.0.0.1', port: 0 }, site, log: createLogger('warn', []) };
  await using running = await startDashboardServer({ ...server, hosts: [], token: undefined });
  const slowest = new Map<string, number>();
  const bytes = new Map<string, number>();
  let rss = 0;
  for (let round = 1; round <= Number(options.rounds); round++) {
    // A new time is a new version.
    utimesSync(path, new Date(), new Date(Date.UTC(2026, 0, round)));
    for (const address of addresses) {
      const started = performance.now();
      const response = await fetch(new URL(address, running.url));
      const body = await response.text();
      const ms = performance.now() - started;
      if (response.status !== 200) throw new Error(`${address}: ${response.status}`);
      slowest.set(address, Math.max(slowest.get(address) ?? 0, round === 1 ? 0 : ms));
      bytes.set(address, body.length);
      rss = Math.max(rss, process.memoryUsage().rss);
    }
    note(`round ${round}: ${Math.round(process.memoryUsage().rss / 1e6)} MB`);
  }
  for (const [address, ms] of slowest)
    note(`${String(Math.round(ms)).padStart(6)} ms ${bytes.get(address)} B ${address}`);
  note(`most memory: ${Math.round(rss / 1e6)} MB`);
} finally {
  rmSync(folder, { recursive: true });
}
