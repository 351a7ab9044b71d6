import { expect, it } from 'vitest';
import { headersOf, newTraceparent, requestIn, traceparentIn } from '../../../schemas/movie-request.ts';

const request = {
  requestedAt: new Date(Date.UTC(2026, 4, 1)),
  reason: 'popular',
  traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
};

it('[R180] reads the request that it has written, and each part of it alone', () => {
  expect(requestIn(headersOf(request))).toEqual(request);
  expect(requestIn(headersOf({ reason: 'aged' }))).toEqual({ reason: 'aged' });
  expect(requestIn({ ...headersOf({}), 'tmdb-origin': 'x/0/1' })).toBeUndefined();
  expect(requestIn(undefined)).toBeUndefined();
});

it('[R181] creates traces that it accepts, each with an id of its own', () => {
  const created = Array.from({ length: 100 }, newTraceparent);
  for (const traceparent of created) expect(traceparentIn({ traceparent })).toBe(traceparent);
  expect(new Set(created).size).toBe(100);
});

it.each([
  ['of another version', '01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'],
  ['with a trace id of zeros', '00-00000000000000000000000000000000-b7ad6b7169203331-01'],
  ['with a parent id of zeros', '00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01'],
  ['in upper case', '00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01'],
  ['that is too long', '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-x'],
  ['that ends with a line feed', '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\n'],
  ['that is empty', ''],
])('[R181] ignores a trace %s', (_, traceparent) => {
  expect(requestIn({ traceparent })).toBeUndefined();
});

it.each([
  ['negative', '-1'],
  ['too large for a date of a warehouse', '99999999999999'],
  ['a text', '2026-05-01T00:00:00Z'],
])('[R181] ignores a time that is %s, and keeps the rest', (_, at) => {
  const headers = { ...headersOf(request), 'tmdb-requested-at': at };
  const { requestedAt: _at, ...rest } = request;
  expect(requestIn(headers)).toEqual(rest);
});

it.each(['', 'Popular', `a${'b'.repeat(32)}`, "x' or 1", 'a\u001b[2J'])('[R181] ignores the reason %j', (reason) => {
  expect(requestIn({ 'tmdb-reason': reason })).toBeUndefined();
});

it('keeps a reason that this version does not know', () => {
  expect(requestIn({ 'tmdb-reason': 'of_a_later_version' })).toEqual({ reason: 'of_a_later_version' });
});
