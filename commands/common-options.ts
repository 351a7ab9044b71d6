import { defaulted, flag, repeated } from './engine/option.ts';
import { gap, pages } from './engine/value-types.ts';

/** Options that several commands take. */
export const json = flag('print JSON, one object per line (docs/json.md)');

export const acceptGap = repeated(
  gap,
  'continue without the lost records in this range of offsets; copy the range from the error message; may be repeated',
);

/** 12 pages are 240 movies: about a minute at 40 requests in 10 s. */
export const pagesOption = defaulted(pages, '12', 'pages of the popular list, 20 movies each; "all" for all 500');
