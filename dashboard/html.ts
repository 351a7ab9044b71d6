/** Text that is HTML already. Only `html` and `trusted` make it. */
export class Html {
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
  }

  toString(): string {
    return this.#text;
  }
}

/** What a template accepts. `null`, `undefined` and `false` give nothing; every other value that is not `Html` is escaped. */
export type Content = Html | string | number | bigint | null | undefined | false | readonly Content[];

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** Characters that XML and HTML do not admit, and surrogates without a partner. */
const unusable = /(?![\t\n\r])\p{Cc}|\p{Cs}/gu;

/** Text as HTML, for an element or for an attribute in quotes. */
export const escapeHtml = (text: string): string =>
  text.replace(/[&<>"']/g, (character) => entities[character] ?? '').replace(unusable, '\ufffd');

/** A template of HTML. Each value is escaped, so attributes must be in quotes, and no value may be a whole URL or script of others. */
export const html = (parts: TemplateStringsArray, ...values: readonly Content[]): Html =>
  new Html(parts.reduce((text, part, index) => text + render(values[index - 1]) + part));

/** HTML that this program made elsewhere, such as an SVG. Never foreign text. */
export const trusted = (text: string): Html => new Html(text);

function render(content: Content): string {
  if (content === null || content === undefined || content === false) return '';
  if (content instanceof Html) return content.toString();
  if (typeof content === 'object') return content.map(render).join('');
  return escapeHtml(String(content));
}
