import { describe, expect, it } from 'vitest';
import { journalOf, nameOfBackfill } from '../../../replay/names.ts';
import { createTopics, maxPrefixLength } from '../../../schemas/topics.ts';

const plain = createTopics('');
const staging = createTopics('staging.');

describe('the names of replays', () => {
  it('without a prefix are those of older versions, so that an interrupted replay resumes', () => {
    expect(nameOfBackfill(plain.rawMovies.name, '--all')).toBe('7dbf56c38208');
    expect(journalOf('data', plain.movieIds.name)).toBe('data/replay-ids.json');
  });

  it('differ by topic and selection', () => {
    const ofBackfills = [plain, staging, createTopics('Staging.')].flatMap(({ rawMovies }) =>
      ['--all', '--since 1h'].map((selection) => nameOfBackfill(rawMovies.name, selection)),
    );
    expect(new Set(ofBackfills).size).toBe(6);
    expect(journalOf('data', staging.movieIds.name)).not.toBe(journalOf('data', plain.movieIds.name));
    expect(journalOf('data', staging.movieIds.name)).toBe(journalOf('data', staging.movieIds.name));
  });

  it('do not grow with the prefix', () => {
    const { rawMovies, movieIds } = createTopics('x'.repeat(maxPrefixLength));
    expect(nameOfBackfill(rawMovies.name, '--all')).toMatch(/^[0-9a-f]{12}$/);
    expect(journalOf('data', movieIds.name)).toMatch(/^data\/replay-ids-[0-9a-f]{12}\.json$/);
  });
});
