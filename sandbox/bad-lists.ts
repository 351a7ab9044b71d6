import { type Answer, okAnswer } from './answers.ts';
import { hash32 } from './random.ts';

/** Bad list elements: none of them names a movie or a genre. */
const badItems: readonly unknown[] = [
  { id: null, title: 'an id of null' },
  { title: 'no id' },
  { id: '7', title: 'an id as text' },
  { id: 0, title: 'an id of zero' },
  { id: -7, title: 'a negative id' },
  { id: 1.5, title: 'a fraction' },
  { id: 2_147_483_648, title: 'an id of more than 32 bits' },
  { id: true },
  { id: [7] },
  null,
  [],
  'an item as text',
  7,
];

const badTotals: readonly unknown[] = [null, undefined, 'many', '500', -1, 1.5, 0, true];

type List = Readonly<Record<string, unknown>>;

/** The keys of the lists in TMDb's documents. */
const listKeys = ['results', 'genres'];

/** Inserts `count` bad elements between the good ones of a list; returns anything else unchanged. */
export function withBadItems(answer: Answer, count: number): Answer {
  return withList(answer, (list, seed) => {
    const key = listKeys.find((name) => Array.isArray(list[name]));
    if (key === undefined) return list;
    const items = [...(list[key] as readonly unknown[])];
    for (let index = 0; index < count; index += 1) {
      const at = hash32(seed, index) % (items.length + 1);
      items.splice(at, 0, badItems[(seed + index) % badItems.length]);
    }
    return { ...list, [key]: items };
  });
}

/** A paged list whose total is invalid. */
export const withBadTotals = (answer: Answer): Answer =>
  withList(answer, (list, seed) => {
    if (!('total_pages' in list)) return list;
    const total = badTotals[seed % badTotals.length];
    return { ...list, total_pages: total, total_results: total };
  });

/** @param change receives a different number for each page. */
function withList(answer: Answer, change: (list: List, seed: number) => List): Answer {
  const list: unknown = answer.status === 200 ? JSON.parse(answer.body.toString()) : null;
  if (typeof list !== 'object' || list === null) return answer;
  const seed = 'page' in list ? Number(list.page) : 0;
  return okAnswer(Buffer.from(JSON.stringify(change({ ...list }, seed))), 60);
}
