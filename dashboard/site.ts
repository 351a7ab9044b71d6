import {
  GoldNotReadError,
  type GoldReader,
  type GoldSnapshot,
  GoldUnavailableError,
} from '../warehouse/gold-reader.ts';
import { type Answer, htmlAnswer, textAnswer } from './answer.ts';
import { AnswerCache } from './answer-cache.ts';
import { definitionPage, definitionsPath } from './definition-pages.ts';
import type { Definitions } from './definitions.ts';
import { csvAnswer, jsonAnswer } from './downloads.ts';
import { type Choices, type Figure, fill } from './figure.ts';
import { type Html, html } from './html.ts';
import { layout } from './layout.ts';
import { type OperationsStatus, operationsView, type ReadOperations } from './operations.ts';
import type { Page } from './page.ts';
import { pages } from './pages/index.ts';

export interface SiteOptions {
  readonly gold: GoldReader;
  readonly definitions: Definitions;
  readonly readOperations: ReadOperations;
  /** Said on every page, such as that the movies are invented. */
  readonly remark: string | null;
}

/** The pages and files by their address. */
export interface Site {
  /** @param path of the address, decoded by no one. @param choices its query. */
  answer(path: string, choices: Choices): Promise<Answer>;
}

const figures: ReadonlyMap<string, Figure> = new Map(
  pages.flatMap((page) => page.figures.map((figure) => [figure.id, figure] as const)),
);

const operationsPath = '/operations';

const navigation = [
  ...pages.flatMap(({ path, name }) => (name === null ? [] : { path, name })),
  { path: operationsPath, name: 'Operations' },
  { path: definitionsPath, name: 'Definitions' },
];

/** The page of an address, with the choices that the address makes. */
function pageAt(path: string, choices: Choices): { readonly page: Page; readonly choices: Choices } | null {
  for (const page of pages) {
    const made = page.match ? page.match(path) : path === page.path && {};
    if (made) return { page, choices: new URLSearchParams({ ...Object.fromEntries(choices), ...made }) };
  }
  return null;
}

export function createSite({ gold, definitions, readOperations, remark }: SiteOptions): Site {
  const shell = (
    title: string,
    body: Html,
    path: string,
    more: { publishedAt?: Date; outage?: string | null } = {},
  ) => {
    const { publishedAt, outage = null } = more;
    const old = outage !== null && `This GOLD may be out of date. The dashboard cannot read the newest one: ${outage}.`;
    const remarks = [remark, old].filter((text) => typeof text === 'string');
    return layout({ ...{ title, body, path, navigation, remarks }, ...(publishedAt && { publishedAt }) });
  };
  const pageAnswer = async (page: Page, snapshot: GoldSnapshot, choices: Choices, outage: string | null) => {
    const { title, body, isMissing } = await page.render({ gold: snapshot, choices, definitions });
    const { publishedAt } = snapshot;
    return htmlAnswer(isMissing ? 404 : 200, shell(title, body, page.path, { publishedAt, outage }));
  };
  const dataAnswer = async (id: string, format: string, snapshot: GoldSnapshot, choices: Choices): Promise<Answer> => {
    const figure = figures.get(id);
    if (!figure) return textAnswer(404, `there is no figure ${JSON.stringify(id)}`);
    const filled = await fill(figure, snapshot, choices);
    return format === 'csv' ? csvAnswer(filled) : jsonAnswer(filled, snapshot.publishedAt);
  };
  const cache = new AnswerCache();
  const ofGold = async (
    key: string,
    work: (snapshot: GoldSnapshot, outage: string | null) => Promise<Answer>,
  ): Promise<Answer> => {
    try {
      const outage = gold.outage();
      // A page says whether there is an outage, so a page from before it is not shown during it.
      return await cache.get(`${gold.version()} ${outage}`, key, () => gold.read((snapshot) => work(snapshot, outage)));
    } catch (error) {
      if (!(error instanceof GoldUnavailableError)) throw error;
      return htmlAnswer(503, shell('No figures yet', missing(error), ''));
    }
  };
  return {
    answer: async (path, choices) => {
      const key = `${path}?${choices}`;
      const found = pageAt(path, choices);
      if (found) return ofGold(key, (snapshot, outage) => pageAnswer(found.page, snapshot, found.choices, outage));
      if (path === '/data/operations.json') return dataOf(await readOperations());
      const [, id, format] = /^\/data\/([a-z-]+)\.(csv|json)$/.exec(path) ?? [];
      if (id !== undefined && format !== undefined) {
        return ofGold(key, (snapshot) => dataAnswer(id, format, snapshot, choices));
      }
      if (path === operationsPath) {
        return htmlAnswer(200, shell('Operations', operationsView(await readOperations()), path));
      }
      const defined = definitionPage(path, definitions);
      if (defined) return htmlAnswer(200, shell(defined.title, defined.body, definitionsPath));
      return htmlAnswer(404, shell('Not found', html`<p class="card">There is no page at this address.</p>`, ''));
    },
  };
}

const dataOf = (status: OperationsStatus): Answer => ({
  status: 200,
  type: 'application/json; charset=utf-8',
  body: JSON.stringify(status),
});

const missing = (error: GoldUnavailableError): Html => html`<section class="card"><p>${error.message}.</p>
  ${error instanceof GoldNotReadError ? wait : build}</section>`;

const wait = html`<p>The dashboard retries automatically. Reload this page in a minute.</p>`;

const build = html`<p>GOLD is published after each build of dbt whose tests pass. To build it, run:</p>
  <pre><code>npm start</code></pre>
  <p>If BRONZE is loaded already, this is enough:</p><pre><code>npx tmdb-stream transform</code></pre>
  <p>Then reload this page.</p>`;
