import { type Html, html } from './html.ts';

interface Option {
  readonly value: string;
  readonly label: string;
}

/** A list to choose from. */
export const selectField = (name: string, label: string, options: readonly Option[], chosen: string): Html =>
  html`<label>${label}<select name="${name}">${options.map(
    (option) =>
      html`<option value="${option.value}"${option.value === chosen && html` selected`}>${option.label}</option>`,
  )}</select></label>`;

/** The choice of a genre, or of all. */
export const genreField = (names: readonly string[], chosen: string): Html =>
  selectField(
    'genre',
    'Genre',
    [{ value: '', label: 'All' }, ...names.map((name) => ({ value: name, label: name }))],
    chosen,
  );
