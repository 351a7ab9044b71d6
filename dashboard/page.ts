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
}

/** A page with figures of GOLD. */
export interface Page {
  /** Its path; `/movies/` also takes what follows it. */
  readonly path: string;
  /** In the navigation. */
  readonly name: string;
  /** The figures that it shows, which can be downloaded. */
  readonly figures: readonly Figure[];
  render(input: PageInput): Promise<PageContent>;
}
