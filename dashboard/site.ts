import { type GoldReader, type GoldSnapshot, GoldUnavailableError } from '../warehouse/gold-reader.ts';
import { type Answer, htmlAnswer, textAnswer } from './answer.ts';
import { AnswerCache } from './answer-cache.ts';
import type { Definitions } from './definitions.ts';
import { csvAnswer, jsonAnswer } from './downloads.ts';
import { type Choices, type Figure, fill } from './figure.ts';
import { type Html, html } from './html.ts';
import { layout } from './layout.ts';
import { markdown } from './markdown.ts';
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

const definitionsPath = '/definitions';
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
  const shell = (title: string, body: Html, path: string, publishedAt?: Date): Html =>
    layout({ ...{ title, body, path, navigation, remark }, ...(publishedAt && { publishedAt }) });

  const pageAnswer = async (page: Page, snapshot: GoldSnapshot, choices: Choices): Promise<Answer> => {
    const { title, body, isMissing } = await page.render({ gold: snapshot, choices, definitions });
    return htmlAnswer(isMissing ? 404 : 200, shell(title, body, page.path, snapshot.publishedAt));
  };
  const dataAnswer = async (id: string, format: string, snapshot: GoldSnapshot, choices: Choices): Promise<Answer> => {
    const figure = figures.get(id);
    if (!figure) return textAnswer(404, `there is no figure ${JSON.stringify(id)}`);
    const filled = await fill(figure, snapshot, choices);
    return format === 'csv' ? csvAnswer(filled) : jsonAnswer(filled, snapshot.publishedAt);
  };
  const cache = new AnswerCache();
  const ofGold = async (key: string, work: (snapshot: GoldSnapshot) => Promise<Answer>): Promise<Answer> => {
    try {
      return await cache.get(gold.version(), key, () => gold.read(work));
    } catch (error) {
      if (!(error instanceof GoldUnavailableError)) throw error;
      return htmlAnswer(503, shell('No figures yet', missing(error.message), ''));
    }
  };
  return {
    answer: async (path, choices) => {
      const key = `${path}?${choices}`;
      const found = pageAt(path, choices);
      if (found) return ofGold(key, (snapshot) => pageAnswer(found.page, snapshot, found.choices));
      if (path === '/data/operations.json') return dataOf(await readOperations());
      const [, id, format] = /^\/data\/([a-z-]+)\.(csv|json)$/.exec(path) ?? [];
      if (id !== undefined && format !== undefined) {
        return ofGold(key, (snapshot) => dataAnswer(id, format, snapshot, choices));
      }
      if (path === operationsPath) {
        return htmlAnswer(200, shell('Operations', operationsView(await readOperations(), definitions), path));
      }
      if (path === definitionsPath) return htmlAnswer(200, shell('Definitions', definitionsView(definitions), path));
      return htmlAnswer(404, shell('Not found', html`<p class="card">There is no page at this address.</p>`, ''));
    },
  };
}

const dataOf = (status: OperationsStatus): Answer => ({
  status: 200,
  type: 'application/json; charset=utf-8',
  body: JSON.stringify(status),
});

const missing = (problem: string): Html => html`<section class="card"><p>${problem}.</p>
  <p>GOLD is published after each build of dbt whose tests pass. To build it, run:</p>
  <pre><code>npm start</code></pre>
  <p>If BRONZE is loaded already, this is enough:</p><pre><code>npx tmdb-stream transform</code></pre>
  <p>Then reload this page.</p></section>`;

const definitionsView = ({ overview, columns }: Definitions): Html => {
  const terms = [...columns].map(
    ([name, text]) => html`<div id="${name}"><dt><code>${name}</code></dt><dd>${markdown(text)}</dd></div>`,
  );
  return html`<section class="card prose">${markdown(overview)}</section>
    <section class="card prose"><h2>Columns</h2><dl>${terms}</dl></section>`;
};
