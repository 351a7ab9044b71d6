import { describe, expect, it } from 'vitest';
import { commandsByWords } from '../../../commands/index.ts';
import { leftOut, pairsOfEquals, pairsWith, ways } from '../../support/processes/command-pairs.ts';

const isIn = (words: string) => (name: string) => `${name} `.startsWith(`${words} `);

describe('the pairs of commands that run side by side', () => {
  it('have every command and every word of it, or say why not', () => {
    const names = [...ways.map(({ name }) => name), ...Object.keys(leftOut)];
    expect(commandsByWords.size).toBeGreaterThan(15);
    expect([...commandsByWords.keys()].filter((words) => !names.some(isIn(words)))).toEqual([]);
  });

  it('[R100] have run --once beside each other one, and each beside its equal', () => {
    expect(pairsWith('run --once --pages 1').length).toBe(ways.length - 1);
    expect(pairsOfEquals.length).toBe(ways.length);
  });

  it('know which of them run until they are stopped', () => {
    const endless = ways.filter(({ isEndless }) => isEndless).map(({ args }) => args[0]);
    expect(new Set(endless)).toEqual(new Set(['run', 'produce', 'fetch', 'load', 'schedule', 'status', 'sandbox']));
  });
});
