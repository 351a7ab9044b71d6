import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { escapeControls, escapeLines } from '../../../runtime/escape-controls.ts';
import { repeats, scrub, scrubAll } from '../../../runtime/scrub.ts';
import { Secret } from '../../../runtime/secret.ts';

const value = 'tok/En+0f"A\\movie~db?é9';
const secret = new Secret(value);
const clean = (text: string) => scrub(text, [secret]);
const base64 = (text: string) => Buffer.from(text).toString('base64');

/** Forms in which foreign text may contain the secret. */
const forms: [name: string, written: string][] = [
  ['literally', value],
  ['URL-encoded', encodeURIComponent(value)],
  ['URL-encoded in lower case', encodeURIComponent(value).replace(/%../g, (code) => code.toLowerCase())],
  ['form-encoded', new URLSearchParams({ token: value }).toString()],
  ['as JSON', JSON.stringify({ token: value })],
  ['as JSON of ASCII characters', JSON.stringify({ token: value }).replace(/é/g, '\\u00e9')],
  ['as JSON within JSON', JSON.stringify(JSON.stringify({ token: value }))],
  ['in base64', base64(value)],
  ['in base64 behind a user', base64(`me:${value}`)],
  ['in base64 behind a longer user', base64(`her:${value}`)],
  ['in base64 behind a user, with more after it', base64(`user:${value} and more`)],
  ['in base64url', Buffer.from(`x:${value}`).toString('base64url')],
];

describe('foreign text', () => {
  it.each(forms)('[R111] loses a secret %s, and nothing else', (_, written) => {
    const text = clean(`before ${written} after`);
    expect(text).toMatch(/^before .*\[secret\].* after$/);
    for (const fragment of [value, encodeURIComponent(value), base64(value).slice(2, 20)]) {
      for (let at = 0; at + 8 <= fragment.length; at += 1) expect(text).not.toContain(fragment.slice(at, at + 8));
    }
  });

  it.each([
    ['the end of the text', (fragment: string) => `echo ${fragment}`, value.slice(0, 9)],
    ['its start', (fragment: string) => `${fragment} was refused`, value.slice(-9)],
    ['an ellipsis', (fragment: string) => `echo ${fragment}... for /movie/1`, value.slice(0, 9)],
    ['an ellipsis of one character', (fragment: string) => `echo ${fragment}… for /movie/1`, value.slice(0, 9)],
    [
      'quotes and an ellipsis',
      (fragment: string) => `Unexpected token, ..."${fragment}"... is not JSON`,
      value.slice(4, 14),
    ],
  ])('[R111] loses the fragment of a secret that was cut at %s', (_, textWith, fragment) => {
    expect(clean(textWith(fragment))).toBe(textWith('[secret]').replace('"[secret]"', '"[secret]"'));
  });

  it('loses any secret at any place, at any cut', () => {
    const secrets = fc.string({ minLength: 16, maxLength: 60, unit: 'grapheme-ascii' });
    fc.assert(
      fc.property(secrets, fc.string(), fc.string(), fc.nat(40), (text, before, after, length) => {
        const known = [new Secret(text)];
        const whole = scrub(`${before}${text}${after}`, known);
        const cut = scrub(`${before} ${text}`.slice(0, before.length + 1 + length), known);
        return !whole.includes(text) && (length < 8 || !cut.includes(text.slice(0, length)));
      }),
    );
  });

  it('keeps words and numbers that contain a short secret', () => {
    const weak = [new Secret('3'), new Secret('tok')];
    expect(scrub('13 tokens of 300, 3 left, tok was refused', weak)).toBe(
      '13 tokens of 300, [secret] left, [secret] was refused',
    );
  });

  it('keeps fragments of a URL or of the frame of a key, which appear in other texts as well', () => {
    const known = [
      new Secret('redis://:pa55word@127.0.0.1:6379'),
      new Secret('-----BEGIN KEY-----\nabc\n-----END KEY-----'),
    ];
    for (const text of ['connect ECONNREFUSED 127.0.0.1:6379', '-----------', 'redis://'])
      expect(scrub(text, known)).toBe(text);
  });

  it('stays JSON of the same shape', () => {
    const data = { token: value, list: [value, 1, null, true, { deep: `x ${value}` }] };
    const numbers = [new Secret('12345678'), new Secret('true'), secret];
    expect(scrubAll({ ...data, n: 12_345_678 }, numbers)).toEqual({
      token: '[secret]',
      list: ['[secret]', 1, null, true, { deep: 'x [secret]' }],
      n: 12_345_678,
    });
  });

  it.each(forms.filter(([name]) => !name.includes('cut')))('is recognized as repeating a secret %s', (_, written) => {
    expect(repeats(Buffer.from(`{"title":"${written}"}`), [secret])).toBe(true);
    expect(repeats(Buffer.from('{"title":"Heat"}'), [secret])).toBe(false);
  });
});

describe('control characters', () => {
  it('are escaped: all controls, format characters and separators of Unicode, and no other character', () => {
    const named = ['\u0000', '\u001b', '\u007f', '\u009b', '\u061c', '\u200b', '\u200e', '\u200f', '\u2028', '\u2029'];
    const bidi = [0x202a, 0x202e, 0x2066, 0x2069].map((code) => String.fromCodePoint(code));
    for (let code = 0; code <= 0x10_ffff; code += 1) {
      const character = String.fromCodePoint(code);
      const steers = /^[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]$/u.test(character);
      const escaped = escapeControls(character);
      if (steers !== (escaped !== character)) expect.fail(code.toString(16));
      if (steers && JSON.parse(`"${escaped}"`) !== character) expect.fail(code.toString(16));
    }
    for (const character of [...named, ...bidi, '\ud800'])
      expect(escapeControls(character)).toMatch(/^\\u[0-9a-f]{4}$/);
  });

  it('are escaped without changing the meaning of JSON or our own line breaks', () => {
    const data = { title: 'a\u202eb\u2028\u009b' };
    expect(JSON.parse(escapeControls(JSON.stringify(data)))).toEqual(data);
    expect(escapeLines('one\ntwo\u001b[2J')).toBe('one\ntwo\\u001b[2J');
  });
});
