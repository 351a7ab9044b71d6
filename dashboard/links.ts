import { type Choices, choiceOf } from './figure.ts';
import { type Html, html } from './html.ts';

/** An address of this server. @param changes choices to replace; null removes one. */
export function addressOf(
  path: string,
  choices: Choices,
  changes: Readonly<Record<string, string | null>>,
  anchor?: string,
): string {
  const query = new URLSearchParams(choices);
  for (const [name, value] of Object.entries(changes)) {
    if (value === null) query.delete(name);
    else query.set(name, value);
  }
  return `${path}${query.size > 0 ? `?${query}` : ''}${anchor === undefined ? '' : `#${anchor}`}`;
}

interface ChoiceLinks<Word extends string> {
  readonly path: string;
  /** Of the choice. */
  readonly name: string;
  readonly words: readonly [Word, ...Word[]];
  label(word: Word): string;
  readonly choices: Choices;
  /** The part of the page that changes. */
  readonly anchor: string;
}

/** Links to the same page with each value of a choice. */
export function choiceLinks<Word extends string>({
  path,
  name,
  words,
  label,
  choices,
  anchor,
}: ChoiceLinks<Word>): Html {
  const chosen = choiceOf(choices, name, words);
  const links = words.map((word) => {
    const current = word === chosen && html` aria-current="true"`;
    return html`<a href="${addressOf(path, choices, { [name]: word }, anchor)}"${current}>${label(word)}</a>`;
  });
  return html`<nav class="choices" aria-label="Choose: ${name}">${links}</nav>`;
}
