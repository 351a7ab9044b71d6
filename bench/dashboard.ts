/**
 * `npm run bench -- dashboard`: how long does each page take when nothing is kept, and how much memory does the dashboard need? The
 * GOLD has a million invented movies. It is published again between the rounds, so each round begins without kept pages. With
 * `--movies 10000 --browser`, a Chromium also opens each page: when does it paint for the first time, compared with a page of one
 * word, and how many bytes arrive?
 */
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, utimesSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { readDefinitions } from '../dashboard/definitions.ts';
import { pages } from '../dashboard/pages/index.ts';
import { startDashboardServer } from '../dashboard/server.ts';
import { createSite } from '../dashboard/site.ts';
import { keepHeapSmall } from '../dashboard/small-heap.ts';
import { createLogger } from '../runtime/logger.ts';
import { findChromium, firstPaint, launch } from '../test/support/dashboard/browser.ts';
import { sampleStatus } from '../test/support/dashboard/sample-status.ts';
import { openDuckDbGold } from '../warehouse/duckdb/gold-reader.ts';

const { values: options } = parseArgs({
  options: {
    movies: { type: 'string', default: '1000000' },
    rounds: { type: 'string', default: '5' },
    /** A GOLD that exists already. */
    gold: { type: 'string' },
    browser: { type: 'boolean', default: false },
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
  '/definitions',
  '/definitions/metrics',
];

/** The value that this share of the values does not exceed. */
const percentile = (values: readonly number[], share: number): number =>
  values.toSorted((a, b) => a - b)[Math.ceil(values.length * share) - 1] ?? Number.NaN;

const columns = (...texts: readonly unknown[]) => texts.map((text) => String(text).padStart(9)).join('');

/** Asks for each page in each round, and prints how long it took. The first round, in which code is compiled, does not count. */
async function measureAnswers(url: string): Promise<void> {
  const times = new Map<string, number[]>(addresses.map((address) => [address, []]));
  const bytes = new Map<string, number>();
  let rss = 0;
  for (let round = 0; round <= Number(options.rounds); round++) {
    // A new time is a new version.
    utimesSync(path, new Date(), new Date(Date.UTC(2026, 0, 1 + round)));
    for (const address of addresses) {
      const started = performance.now();
      const response = await fetch(new URL(address, url));
      const body = await response.text();
      const ms = performance.now() - started;
      if (response.status !== 200) throw new Error(`${address}: ${response.status}`);
      if (round > 0) times.get(address)?.push(ms);
      bytes.set(address, body.length);
      rss = Math.max(rss, process.memoryUsage().rss);
    }
    note(`round ${round}: ${Math.round(process.memoryUsage().rss / 1e6)} MB, load ${loadavg()[0]?.toFixed(1)}`);
  }
  note(columns('p50 ms', 'p95 ms', 'bytes', ' page'));
  for (const [address, all] of times) {
    const [half, most] = [percentile(all, 0.5), percentile(all, 0.95)].map(Math.round);
    note(`${columns(half, most, bytes.get(address))} ${address}`);
  }
  note(`most memory: ${Math.round(rss / 1e6)} MB`);
}

/** A page of one word: what the browser itself needs on this machine. */
async function startPlainPage() {
  const server = createServer((_, response) => response.setHeader('content-type', 'text/html').end('<p>plain'));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}/`, [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() };
}

/** Opens each page in a browser in each round, each time in a new context without a cache. */
async function measurePaints(url: string): Promise<void> {
  const executable = findChromium();
  if (executable === null) throw new Error('there is no Chromium on this machine');
  await using plain = await startPlainPage();
  const browser = await launch(executable);
  let plainMs = Number.NaN;
  try {
    note(columns('p50 ms', 'p95 ms', 'ratio', 'bytes', ' first paint; ratio to a page of one word'));
    for (const address of [plain.url, ...addresses]) {
      const paints: { readonly ms: number; readonly bytes: number }[] = [];
      for (let round = 1; round <= Number(options.rounds); round++) {
        paints.push(await firstPaint(browser, new URL(address, url).href));
      }
      const ms = paints.map((paint) => paint.ms);
      const [half, most] = [percentile(ms, 0.5), percentile(ms, 0.95)];
      if (address === plain.url) plainMs = half;
      const bytes = Math.max(...paints.map((paint) => paint.bytes));
      const name = address === plain.url ? 'the page of one word' : address;
      note(`${columns(Math.round(half), Math.round(most), (half / plainMs).toFixed(2), bytes)} ${name}`);
    }
  } finally {
    await browser.close();
  }
}

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
  await measureAnswers(running.url);
  if (options.browser) await measurePaints(running.url);
} finally {
  rmSync(folder, { recursive: true });
}
