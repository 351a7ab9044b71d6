import { describe, expect, it } from 'vitest';
import { projectFiles, read } from '../support/deploy/project.ts';

/** What not to write, and what to write instead. A pattern sees `loadTurn` and `load_turn` as `load Turn` and `load turn`. */
const rules: readonly (readonly [pattern: RegExp, instead: string])[] = [
  [/\b(?:go|goes|going|went|gone) on\b/i, 'continue, resume'],
  [/\banew\b/i, 'again, from scratch'],
  [/\bmend(?:s|ed|ing)?\b/i, 'fix, correct'],
  [/\b(?:no|any|some|every)body\b/i, 'no one, nothing, or the actor'],
  [/\bwho(?:m|so)?ever\b/i, 'the actor'],
  [/\bwho has (?:it|them|none)\b/i, 'the actor, for example the holder'],
  [/\bpassing (?:error|failure|trouble)s?\b|\bis Passing\b/i, 'transient, isTransient'],
  [/\bopen Extension\b|\bextensions? of (?:BRONZE|a replay)\b/i, 'backfill, openBackfill'],
  [/\bturns?\b(?! (?:on|off|into|a|an|the|it|each) )/i, 'lock, lease, sync, one after the other'],
  [/\btogether\b/i, 'in one transaction, at the same time, in total, task group'],
  [/\b(?:proofs?|prov(?:e|es|ed|en|ing))\b/i, 'show, check, test, dry run'],
  [/\brehears(?:e|es|ed|als?|ing)\b/i, 'dry run, simulate'],
  [/\bpieces?\b/i, 'part, range, fragment'],
  [/\bcarried\b/i, 'retained, ran'],
  [/\bswap In\b/i, 'promote'],
  [/\bis Meant\b/, 'matches'],
  [/\b(?:strikes?|struck|blows?)\b/i, 'inject, injected fault'],
  [/\b(?:is|are|was|were) over\b(?! (?:\d|\$|the allowed))/i, 'has ended, is closed'],
  [/\bstandard\b(?![- ](?:output|error|input|streams?|library|normal|dbt)\b)/i, 'default'],
  [/\bsigns? of life\b/i, 'heartbeat, progress'],
  [/\btells? of (?:it|them)sel(?:f|ves)\b/i, 'exposes, reports'],
  [/\b(?:to|not|cannot|can) be had\b/i, 'available, unavailable'],
  [/\bbe told\b/i, 'receive, be notified'],
  [/\b(?:lest|thereof|whereof|whereby|therein|hence|whence|thence)\b/i, 'a plain word'],
  [/\bof what (?:is|was|has|it|they|we)\b/i, 'a noun: of the records that ...'],
  [/\bthat is none\b|\bis none of\b/i, 'is not a ..., is not one of'],
];

/** Foreign text, and lists of words. */
const foreign =
  /^(?:LICENSE|package-lock\.json|docs\/spelling\.txt|bench\/results\/|sandbox\/generated\/(?:words|titles|languages)\.ts$)/;
const requirements = /requirements[\w-]*\.txt$|\.(?:sha256|xml|gz|png)$/;

/** Required words in foreign names and messages: by file, the text that may stay. */
const exceptions: readonly (readonly [file: string, text: string])[] = [
  ['CHANGELOG.md', '`load_turn`, `transform_turn` and `seal_turn`'],
  ['CHANGELOG.md', '`swap.carried`'],
  ['CHANGELOG.md', '`mended`'],
  ['test/support/deploy/project.ts', '--exclude-standard'],
  ['test/support/kafka/secure-broker.ts', 'StandardAuthorizer'],
  ['test/support/snowflake/emulator/show.py', '"STANDARD"'],
];

const files = projectFiles().filter(
  (file) => file !== 'test/unit/words.test.ts' && !foreign.test(file) && !requirements.test(file),
);

const apart = (line: string): string => line.replace(/([a-z0-9])([A-Z])/g, '$1 $2').replaceAll('_', ' ');

/** Each banned word of a text: line, the word and what to write instead. */
function banned(text: string): string[] {
  return text.split('\n').flatMap((line, index) => {
    const words = apart(line);
    return rules.flatMap(([pattern, instead]) => {
      const [found] = pattern.exec(words) ?? [];
      return found === undefined ? [] : [`${index + 1}: "${found.trim()}": write ${instead}`];
    });
  });
}

describe('plain words', () => {
  it('are found in prose and in identifiers', () => {
    expect(banned('It goes on.\nconst loadTurn = 1;\ntake load_turn')).toEqual([
      '1: "goes on": write continue, resume',
      '2: "Turn": write lock, lease, sync, one after the other',
      '3: "turn": write lock, lease, sync, one after the other',
    ]);
    expect(banned('turns the text into a number; return; standard error; is over 400')).toEqual([]);
  });

  it('are used in every file that a person reads', () => {
    const found = files.flatMap((file) => {
      const kept = exceptions.filter(([name]) => name === file).map(([, text]) => text);
      const text = kept.reduce((rest, part) => rest.replaceAll(part, ''), read(file));
      return [...banned(file), ...banned(text)].map((complaint) => `${file}:${complaint}`);
    });
    expect(found).toEqual([]);
  });
});

describe('README.md', () => {
  it('has no line over 120 characters', () => {
    const text = read('README.md');
    expect(text.split('\n').filter((line) => line.length > 120)).toEqual([]);
  });
});
