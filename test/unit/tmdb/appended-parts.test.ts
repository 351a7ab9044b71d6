import { describe, expect, it } from 'vitest';
import { loadConfig } from '../../../platform/config.ts';
import { createLogger } from '../../../runtime/logger.ts';
import type { AppendedPart } from '../../../tmdb/appended-parts.ts';
import { createTmdbClient } from '../../../tmdb/retrying-client.ts';
import { MemoryTokenBucket } from '../../../tmdb/token-bucket/memory.ts';
import { ManualClock } from '../../support/clock/manual-clock.ts';
import { failure, json, movie, ScriptedTransport } from '../../support/tmdb/scripted-transport.ts';

const signal = new AbortController().signal;
const suffix = '?append_to_response=release_dates,credits';

function clientOf(transport: ScriptedTransport, clock: ManualClock, parts: readonly AppendedPart[]) {
  const bucket = new MemoryTokenBucket({ capacity: 40, windowMs: 10_000 }, clock);
  const limits = { concurrency: 20, giveUpAfterMs: 600_000, windowMs: 10_000 };
  const options = { transport, bucket, baseUrl: 'https://api.themoviedb.org/3', ...limits, parts };
  return createTmdbClient({ ...options, log: createLogger('silent', []) }, { clock, random: () => 0.5 });
}

describe('TMDB_APPEND', () => {
  const partsOf = (text: string) => loadConfig({ TMDB_APPEND: text }).tmdb.parts;

  it('is off by default', () => {
    expect(loadConfig({}).tmdb.parts).toEqual([]);
    expect(partsOf('')).toEqual([]);
  });

  it('names each part once, in one order', () => {
    expect(partsOf('keywords')).toEqual(['keywords']);
    expect(partsOf('keywords, credits,release_dates,credits')).toEqual(['release_dates', 'credits', 'keywords']);
  });

  it.each(['images', 'Credits', 'credits;keywords', 'credits,images', 'credits&language=de'])(
    '[R156] refuses %s, and lists the parts',
    (text) => {
      expect(() => partsOf(text)).toThrow(/TMDB_APPEND: expected release_dates, credits, keywords/);
    },
  );
});

describe('appended parts', () => {
  it('[R156] come with the details in one request, whose URL and bytes are kept', async () => {
    const body = Buffer.from('{"id": 550, "title": "T", "credits": {"cast": []},\n "release_dates": {"results": []}}');
    const transport = new ScriptedTransport(() => json(null, 200, { body }));
    const answer = await clientOf(transport, new ManualClock(), ['release_dates', 'credits']).movie(550, signal);
    expect(transport.asked).toEqual([`/movie/550${suffix}`]);
    expect(answer.url).toBe(`https://api.themoviedb.org/3/movie/550${suffix}`);
    expect(answer.body.equals(body)).toBe(true);
  });

  it('are in every probe, so that an outage of appended requests parks no movie', async () => {
    const clock = new ManualClock();
    let isOut = true;
    const transport = new ScriptedTransport((path) =>
      isOut && path.includes('append_to_response') ? failure(503) : movie(5),
    );
    const client = clientOf(transport, clock, ['release_dates', 'credits']);
    isOut = false;
    await client.movie(5, signal);
    isOut = true;
    let outcome: unknown;
    const asked = client.movie(5, signal).then(
      (answer) => (outcome = answer.httpStatus),
      (error) => (outcome = error),
    );
    for (let step = 0; step < 200; step += 1) await clock.advance(500);
    expect(outcome).toBeUndefined();
    expect(transport.asked.filter((path) => !path.endsWith(suffix))).toEqual([]);
    isOut = false;
    for (let step = 0; outcome === undefined && step < 1_000; step += 1) await clock.advance(500);
    await asked;
    expect(outcome).toBe(200);
  });
});
