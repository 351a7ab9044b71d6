/** The number of terminal columns of a text: one for a letter, two for an ideograph or an emoji, none for a combining mark. */
export function cellsOf(text: string): number {
  // Fast path for ASCII, ten times as fast.
  if (/^[\x20-\x7e]*$/.test(text)) return text.length;
  return [...charactersOf(text)].reduce((sum, { segment }) => sum + cellsOfCharacter(segment), 0);
}

/** The text, padded with spaces to `cells` columns; a longer text is unchanged. */
export const padCellsEnd = (text: string, cells: number): string =>
  text + ' '.repeat(Math.max(0, cells - cellsOf(text)));

export const padCellsStart = (text: string, cells: number): string =>
  ' '.repeat(Math.max(0, cells - cellsOf(text))) + text;

/** The longest beginning of a text that fits into `cells` columns, cut between characters. */
export function cutToCells(text: string, cells: number): string {
  let [kept, taken] = ['', 0];
  for (const { segment } of charactersOf(text)) {
    taken += cellsOfCharacter(segment);
    if (taken > cells) break;
    kept += segment;
  }
  return kept;
}

let segmenter: Intl.Segmenter | undefined;

/** What a person sees as single characters, the same in every locale. Most texts need no segmenter, which is slow to make. */
function charactersOf(text: string): Iterable<{ readonly segment: string }> {
  segmenter ??= new Intl.Segmenter('en', { granularity: 'grapheme' });
  return segmenter.segment(text);
}

const hasNoWidth = /^[\p{Mn}\p{Me}\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]*$/v;

/**
 * Unicode's East Asian Width W and F, by blocks, which JavaScript does not provide. Emoji are handled above. As in Unicode, an unassigned
 * code point in these blocks counts as wide.
 */
const isWide =
  /^[\u1100-\u115f\u2e80-\u303e\u3041-\u33ff\u3400-\u4dbf\u4e00-\u9fff\ua000-\ua4cf\ua960-\ua97c\uac00-\ud7a3\uf900-\ufaff\ufe10-\ufe19\ufe30-\ufe6f\uff01-\uff60\uffe0-\uffe6\u{16fe0}-\u{18cff}\u{1aff0}-\u{1b2ff}\u{1d300}-\u{1d376}\u{1f200}-\u{1f265}\u{20000}-\u{3fffd}]/v;

function cellsOfCharacter(character: string): number {
  if (hasNoWidth.test(character)) return 0;
  return isWide.test(character) || isEmoji(character) ? 2 : 1;
}

/** The expression is inside the function because it takes 20 ms to create, which most commands never need. */
function isEmoji(character: string): boolean {
  return /^\p{RGI_Emoji}$|^\p{Emoji_Presentation}/v.test(character);
}
