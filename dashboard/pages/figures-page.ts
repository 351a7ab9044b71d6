import { type Figure, fill } from '../figure.ts';
import { figureView } from '../figure-view.ts';
import { type Html, html } from '../html.ts';
import type { Page, PageInput } from '../page.ts';

interface FiguresPage {
  readonly path: string;
  readonly name: string;
  /** Side by side on a wide screen. */
  readonly charts: readonly Figure[];
  /** Below the charts, over the full width. */
  readonly tables: readonly Figure[];
  /** Above the content of a figure. */
  above?(figure: Figure, input: PageInput): Html | null;
}

/** A page that shows figures one after the other. */
export const figuresPage = ({ path, name, charts, tables, above }: FiguresPage): Page => ({
  path,
  name,
  figures: [...charts, ...tables],
  render: async (input) => {
    const { gold, choices, definitions } = input;
    const show = async (figure: Figure) =>
      figureView(await fill(figure, gold, choices), choices, definitions, above?.(figure, input) ?? null);
    const drawn: Html[] = [];
    for (const figure of charts) drawn.push(await show(figure));
    const listed: Html[] = [];
    for (const figure of tables) listed.push(await show(figure));
    return { title: name, body: html`<div class="grid">${drawn}</div>${listed}` };
  },
});
