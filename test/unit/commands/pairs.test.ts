import { describe, expect, it } from 'vitest';
import { commandsByWords } from '../../../commands/index.ts';
import { leftOut, pairsOfEquals, pairsWith, ways } from '../../support/processes/command-pairs.ts';

const isIn = (words: string) => (name: string) => `${name} `.startsWith(`${words} `);

describe('the pairs of commands that run side by side', () => {
  it('include every command and subcommand, or give the reason why not', () => {
    const names = [...ways.map(({ name }) => name), ...Object.keys(leftOut)];
    expect(commandsByWords.size).toBeGreaterThan(15);
    expect([...commandsByWords.keys()].filter((words) => !names.some(isIn(words)))).toEqual([]);
  });

  it('[R100] include run --once beside each other command, and each command beside itself', () => {
    expect(pairsWith('run --once --pages 1').length).toBe(ways.length - 1);
    expect(pairsOfEquals.length).toBe(ways.length);
  });

  it('mark the commands that run until they are stopped', () => {
    const endless = ways.filter(({ isEndless }) => isEndless).map(({ args }) => args[0]);
    expect(new Set(endless)).toEqual(new Set(['run', 'produce', 'fetch', 'load', 'schedule', 'status', 'sandbox']));
  });
});
