import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readDefinitions } from '../../dashboard/definitions.ts';
import { type DashboardServer, startDashboardServer } from '../../dashboard/server.ts';
import { createSite } from '../../dashboard/site.ts';
import { createLogger } from '../../runtime/logger.ts';
import { openDuckDbGold } from '../../warehouse/duckdb/gold-reader.ts';
import type { GoldReader } from '../../warehouse/gold-reader.ts';
import { axeViolations, findChromium, launch, visit } from '../support/dashboard/browser.ts';
import { sampleStatus } from '../support/dashboard/sample-status.ts';
import { publishSmallGold } from '../support/dashboard/small-gold.ts';

const executable = findChromium();

const addresses = [
  '/',
  '/genres',
  '/years',
  '/companies',
  '/budget',
  '/movies',
  '/movies/4',
  '/definitions',
  '/definitions/metrics',
  '/definitions/fact_movies',
  '/definitions/silver_movies',
  '/nothing',
];

const screens = [
  { name: 'light', options: { viewport: { width: 1280, height: 900 }, colorScheme: 'light' } },
  { name: 'dark', options: { viewport: { width: 1600, height: 900 }, colorScheme: 'dark' } },
  { name: 'phone', options: { viewport: { width: 320, height: 640 }, colorScheme: 'light' } },
] as const;

it.skipIf(executable !== null)('SKIPPED: there is no Chromium on this machine', () => {});

describe.runIf(executable !== null)('the dashboard in a browser', () => {
  const folder = mkdtempSync(join(tmpdir(), 'tmdb-stream-browser-'));
  const path = join(folder, 'gold.duckdb');
  let gold: GoldReader;
  let server: DashboardServer;
  let browser: Browser;

  beforeAll(async () => {
    await publishSmallGold(path);
    gold = openDuckDbGold(path);
    const site = createSite({
      ...{ gold, definitions: readDefinitions(), remark: 'These movies are invented.' },
      readOperations: async () => sampleStatus,
    });
    const listen = { host: '127.0.0.1', port: 0 };
    const log = createLogger('silent', []);
    server = await startDashboardServer({ listen, site, log, hosts: [], token: undefined });
    browser = await launch(executable ?? '');
  });
  afterAll(async () => {
    await browser.close();
    await server[Symbol.asyncDispose]();
    await gold[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true });
  });

  const open = (address: string, screen: (typeof screens)[number], javaScriptEnabled = true) => {
    const name = `${address.replaceAll('/', '_')}-${screen.name}`;
    return visit(browser, new URL(address, server.url).href, name, { ...screen.options, javaScriptEnabled });
  };

  it.each(screens)(
    'has no violation of axe, no breach of its policy and no sideways scrolling: $name',
    async (screen) => {
      for (const address of addresses) {
        const { page, problems } = await open(address, screen);
        expect(await axeViolations(page), address).toEqual([]);
        const tooWide = await page.evaluate(
          'document.documentElement.scrollWidth - document.documentElement.clientWidth',
        );
        expect(tooWide, address).toBe(0);
        // The status of a missing page is an error in the console.
        expect(address === '/nothing' ? [] : problems, address).toEqual([]);
        await page.context().close();
      }
    },
  );

  it('reads the marks of a chart to the arrow keys', async () => {
    const { page } = await open('/', screens[0]);
    await page.locator('#revenue-by-year svg.wide').focus();
    for (const key of ['ArrowRight', 'ArrowRight']) await page.keyboard.press(key);
    expect(await page.locator('#live').textContent()).toMatch(/^2020: \$.* movies$/);
    expect(await page.locator('#mark').isVisible()).toBe(true);
    await page.keyboard.press('Escape');
    expect(await page.locator('#mark').isVisible()).toBe(false);
    await page.context().close();
  });

  it('chooses, searches and sorts without JavaScript, and shows odd titles as text', async () => {
    const { page } = await open('/', screens[0], false);
    await page.getByRole('link', { name: 'Rating' }).click();
    expect(page.url()).toContain('metric=rating');
    await page.getByRole('link', { name: 'Movies', exact: true }).first().click();
    await page.getByLabel('Title').fill('SCRIPT');
    await page.getByRole('button', { name: 'Search' }).click();
    expect(await page.getByRole('status').textContent()).toContain('1 movie');
    await page.getByRole('link', { name: '<script>alert(1)</script>' }).click();
    expect(await page.getByRole('heading', { level: 1 }).textContent()).toBe('<script>alert(1)</script>');
    await page.goto(new URL('/movies', server.url).href);
    await page.getByRole('link', { name: 'Budget', exact: true }).click();
    expect(await page.locator('tbody tr').first().textContent()).toContain('Movie 40');
    await page.context().close();
  });
});
