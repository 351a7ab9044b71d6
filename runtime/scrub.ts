import type { Secret } from './secret.ts';

const mark = '[secret]';

/** Shorter secrets are replaced only as whole words: `3` must not change every number. */
const minPlainChars = 8;
/** Shorter fragments of a secret beside a cut are kept: they reveal too little, and are often part of a word. */
const minFragmentChars = 6;

/**
 * Removes the secrets from a foreign text, such as an error of a library or an answer of a server. It finds a secret in plain form,
 * URL-encoded, as JSON, and in base64, at any position of a longer text that was encoded. Where a text was cut (at its ends, beside
 * an ellipsis), it also finds the remaining fragment of a secret.
 */
export function scrub(text: string, secrets: readonly Secret[]): string {
  const all = secrets.flatMap(formsOf);
  const whole = all.reduce((clean, form) => clean.replace(form.pattern, mark), text);
  return withoutFragments(
    whole,
    all.filter(({ mayBeCut }) => mayBeCut).map(({ form }) => form),
  );
}

/** Scrubs every string in a JSON value; keys and other values are unchanged. */
export function scrubAll(value: unknown, secrets: readonly Secret[]): unknown {
  if (typeof value === 'string') return scrub(value, secrets);
  if (Array.isArray(value)) return value.map((item) => scrubAll(item, secrets));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, scrubAll(item, secrets)]));
}

/** Whether foreign bytes contain a secret in one of its forms. Short secrets are ignored: any document may contain them. */
export const repeats = (bytes: Buffer, secrets: readonly Secret[]): boolean =>
  secrets.flatMap(formsOf).some(({ form }) => form.length >= 2 * minPlainChars && bytes.includes(form));

interface Form {
  readonly form: string;
  readonly pattern: RegExp;
  /** Not for a text whose fragments appear in any text: a URL, a PEM with its header. */
  readonly mayBeCut: boolean;
}

const known = new WeakMap<Secret, readonly Form[]>();

function formsOf(secret: Secret): readonly Form[] {
  const forms = known.get(secret) ?? makeForms(secret.reveal());
  known.set(secret, forms);
  return forms;
}

function makeForms(value: string): readonly Form[] {
  const isMade = value.includes('\n') || value.includes('://');
  const url = encodeURIComponent(value);
  const json = JSON.stringify(value).slice(1, -1);
  const encoded = [
    url,
    url.replace(/%../g, (code) => code.toLowerCase()),
    new URLSearchParams([[value, '']]).toString().slice(0, -1),
  ];
  // The form in which Python writes it.
  const ascii = json.replace(/[^\x20-\x7e]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
  const forms = new Set([value, ...encoded, json, ascii, JSON.stringify(json).slice(1, -1), ...base64sOf(value)]);
  return [...forms]
    .filter((form) => form !== '')
    .toSorted((a, b) => b.length - a.length)
    .map((form) => ({ form, pattern: patternOf(form), mayBeCut: !isMade && form.length >= minPlainChars }));
}

/** Base64 has three forms of a text, one for each alignment; its first and last digits also depend on the neighboring bytes. */
function base64sOf(value: string): string[] {
  const bytes = Buffer.from(value);
  if (bytes.length < minPlainChars) return [bytes.toString('base64')];
  return [0, 1, 2].flatMap((before) => {
    const digits = Buffer.concat([Buffer.alloc(before), bytes])
      .toString('base64')
      .replace(/=+$/, '');
    const after = (before + bytes.length) % 3;
    const own = digits.slice(before === 0 ? 0 : before + 1, after === 0 ? undefined : -1);
    return [own, own.replaceAll('+', '-').replaceAll('/', '_')];
  });
}

function patternOf(form: string): RegExp {
  const literal = RegExp.escape(form);
  return new RegExp(form.length >= minPlainChars ? literal : `(?<![\\p{L}\\p{N}])${literal}(?![\\p{L}\\p{N}])`, 'gu');
}

/** An ellipsis, with the quotes beside it: the text next to it was cut. */
const ellipsis = /(["'“”]?(?:\.{3}|…)["'“”]?)/;

const withoutFragments = (text: string, forms: readonly string[]): string =>
  forms.length === 0
    ? text
    : text
        .split(ellipsis)
        .map((part, index) => (index % 2 === 0 ? withoutEnds(part, forms) : part))
        .join('');

/** A text between two cuts, without the fragments at its start and end. */
function withoutEnds(text: string, forms: readonly string[]): string {
  const first = longestFragment(text, forms, (length) => text.slice(0, length));
  if (first === text.length && first > 0) return mark;
  const rest = first === 0 ? text : mark + text.slice(first);
  const last = longestFragment(rest, forms, (length) => rest.slice(rest.length - length));
  return last === 0 ? rest : rest.slice(0, rest.length - last) + mark;
}

/** How many characters at one end of a text are a fragment of a secret; 0 if too few are. */
function longestFragment(text: string, forms: readonly string[], endOf: (length: number) => string): number {
  let longest = 0;
  for (const form of forms) {
    for (let length = Math.max(minFragmentChars, longest + 1); length <= text.length; length += 1) {
      if (!form.includes(endOf(length))) break;
      longest = length;
    }
  }
  return longest;
}
