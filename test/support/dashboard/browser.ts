import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import axe from 'axe-core';
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';

/** The Chromium of this machine; null if there is none. */
export function findChromium(): string | null {
  try {
    return execFileSync(
      'sh',
      ['-c', 'command -v chromium || command -v chromium-browser || command -v google-chrome'],
      {
        encoding: 'utf8',
      },
    ).trim();
  } catch {
    return null;
  }
}

export const launch = (executablePath: string): Promise<Browser> =>
  chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-gpu'] });

/** Where the pictures of the last run are, for a person. */
const pictures = join(import.meta.dirname, '../../results/dashboard');

/** What a page did in the browser. */
export interface Visit {
  readonly page: Page;
  /** Errors of scripts, refused resources and breaches of the content security policy. */
  readonly problems: readonly string[];
}

/** Opens a page in a context of its own, and takes a picture of it. */
export async function visit(
  browser: Browser,
  url: string,
  name: string,
  options: BrowserContextOptions,
): Promise<Visit> {
  const context = await browser.newContext(options);
  const page = await context.newPage();
  const problems: string[] = [];
  page.on('pageerror', (error) => problems.push(error.message));
  page.on('console', (message) => {
    if (message.type() === 'error') problems.push(message.text());
  });
  page.on('dialog', (dialog) => {
    problems.push(`a dialog: ${dialog.message()}`);
    void dialog.dismiss();
  });
  await page.goto(url);
  mkdirSync(pictures, { recursive: true });
  await page.screenshot({ path: join(pictures, `${name}.png`), fullPage: true });
  return { page, problems };
}

/** What axe finds, a line for each kind of violation. It is run by the debugger, which no policy of the page limits. */
export async function axeViolations(page: Page): Promise<string[]> {
  await page.evaluate(axe.source);
  const { violations } = (await page.evaluate('axe.run()')) as {
    violations: { id: string; nodes: { html: string }[] }[];
  };
  return violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html.slice(0, 120)).join(' | ')}`);
}

/** Ends when the browser has painted. The policy of the page forbids a function that is polled. */
const whenPainted = `new Promise((resolve) => new PerformanceObserver((list) => {
  const paint = list.getEntriesByName('first-contentful-paint')[0];
  if (paint) resolve(paint.startTime);
}).observe({ type: 'paint', buffered: true }))`;

const bytesReceived = `[...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')]
  .reduce((sum, { transferSize }) => sum + transferSize, 0)`;

/** When a browser without a cache painted first (ms after the start of the navigation), and the bytes of all files of the page. */
export async function firstPaint(
  browser: Browser,
  url: string,
): Promise<{ readonly ms: number; readonly bytes: number }> {
  const context = await browser.newContext();
  try {
    const page = await context.newPage();
    // The process of the page starts before, as in a browser that is in use.
    await page.goto('about:blank');
    await page.goto(url);
    return { ms: Number(await page.evaluate(whenPainted)), bytes: Number(await page.evaluate(bytesReceived)) };
  } finally {
    await context.close();
  }
}
