import { type Html, html } from './html.ts';

/** Code and bold text within a line. */
export const inline = (text: string): Html[] =>
  text.split(/(`[^`]+`|\*\*[^*]+\*\*)/).map((part) => {
    if (part.startsWith('`')) return html`<code>${part.slice(1, -1)}</code>`;
    return part.startsWith('**') ? html`<strong>${part.slice(2, -2)}</strong>` : html`${part}`;
  });

const cells = (line: string): string[] =>
  line
    .split('|')
    .slice(1, -1)
    .map((cell) => cell.trim());

function table([head = '', , ...rows]: readonly string[]): Html {
  const titles = cells(head).map((title) => html`<th scope="col">${inline(title)}</th>`);
  const body = rows.map((row) => html`<tr>${cells(row).map((cell) => html`<td>${inline(cell)}</td>`)}</tr>`);
  return html`<div class="scroll" tabindex="0" role="region" aria-label="Table: ${cells(head)[0]}"><table><thead><tr>${titles}</tr></thead><tbody>${body}</tbody></table></div>`;
}

function block(text: string): Html {
  const lines = text.split('\n');
  const heading = /^#+ (.*)$/.exec(text)?.[1];
  if (heading !== undefined) return html`<h2>${inline(heading)}</h2>`;
  return text.startsWith('|') ? table(lines) : html`<p>${inline(lines.join(' '))}</p>`;
}

/** The part of Markdown that the documentation of the models uses: paragraphs, headings, tables, code and bold text. */
export const markdown = (text: string): Html[] =>
  text
    .split(/\n{2,}/)
    .filter(Boolean)
    .map(block);
