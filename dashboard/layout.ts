import { type Html, html } from './html.ts';
import { timeView } from './table.ts';

interface Layout {
  readonly title: string;
  readonly body: Html;
  /** The path of the page, which the navigation marks. */
  readonly path: string;
  readonly navigation: readonly { readonly path: string; readonly name: string }[];
  /** When GOLD was published; absent on a page without figures of GOLD. */
  readonly publishedAt?: Date;
  /** Above the content, such as that the movies are invented. */
  readonly remarks: readonly string[];
}

const asOf = (time: Date): Html => html`<p class="as-of">GOLD of ${timeView(time)}</p>`;

/** A whole page. It has no script and no style of its own, as the content security policy demands. */
export const layout = ({ title, body, path, navigation, publishedAt, remarks }: Layout): Html => {
  const links = navigation.map(
    (page) => html`<a href="${page.path}"${page.path === path && html` aria-current="page"`}>${page.name}</a>`,
  );
  return html`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<meta name="color-scheme" content="light dark"><title>${title} – tmdb-stream</title>
<link rel="icon" href="/icon.svg" type="image/svg+xml"><link rel="stylesheet" href="/app.css"><script src="/app.js" type="module"></script></head>
<body><a class="skip" href="#main">Skip to the content</a>
<header><div class="wrap"><p class="brand">tmdb-stream</p><h1><bdi>${title}</bdi></h1>${publishedAt && asOf(publishedAt)}
<nav class="pages" aria-label="Pages">${links}</nav></div></header>
<main class="wrap" id="main" tabindex="-1">${remarks.map((remark) => html`<p class="remark">${remark}</p>`)}${body}</main>
<footer class="wrap"><p>This product uses the TMDB API but is not endorsed or certified by TMDB.</p>
<p>TMDB: The Movie Database. Amounts are US dollars as users of TMDB entered them. Times are UTC.</p></footer>
<p id="mark" hidden></p><p id="live" class="hidden" aria-live="polite"></p></body></html>
`;
};
