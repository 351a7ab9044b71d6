import { afterAll, beforeAll, describe, it } from 'vitest';
import { pairsOfEquals } from '../support/processes/command-pairs.ts';
import { PairRunner } from '../support/processes/pair-runner.ts';

describe('two processes of the same command', () => {
  let runner: PairRunner;

  beforeAll(async () => {
    runner = await PairRunner.open();
  });
  afterAll(() => runner[Symbol.asyncDispose]());

  it.each(pairsOfEquals.map((pair) => [pair.map(({ name }) => name).join(' beside '), pair] as const))(
    'end, or wait and print the reason: %s',
    (_, pair) => runner.run(pair),
  );

  it('leave every answer in BRONZE exactly once', () => runner.expectAllLoaded());
});
