import type { GoldSnapshot } from '../warehouse/gold-reader.ts';
import type { Definitions } from './definitions.ts';
import type { Choices, Figure } from './figure.ts';
import type { Html } from './html.ts';

/** What a page is made from. */
export interface PageInput {
  readonly gold: GoldSnapshot;
  readonly choices: Choices;
  readonly definitions: Definitions;
}

interface PageContent {
  readonly title: string;
  readonly body: Html;
  /** The thing that the address names does not exist. */
  readonly isMissing?: boolean;
}

/** A page with figures of GOLD. */
export interface Page {
  readonly path: string;
  /** In the navigation; null: other pages link to it. */
  readonly name: string | null;
  /** For a page with many addresses: the choices that the address makes, or null if it is not an address of this page. */
  match?(path: string): Readonly<Record<string, string>> | null;
  /** The figures that it shows, which can be downloaded. */
  readonly figures: readonly Figure[];
  render(input: PageInput): Promise<PageContent>;
}
