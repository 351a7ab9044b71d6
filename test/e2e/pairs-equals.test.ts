import { afterAll, beforeAll, describe, it } from 'vitest';
import { pairsOfEquals } from '../support/processes/command-pairs.ts';
import { PairRunner } from '../support/processes/pair-runner.ts';

describe('every command beside its equal', () => {
  let runner: PairRunner;

  beforeAll(async () => {
    runner = await PairRunner.open();
  });
  afterAll(() => runner[Symbol.asyncDispose]());

  it.each(pairsOfEquals.map((pair) => [pair.map(({ name }) => name).join(' beside '), pair] as const))(
    'ends or waits with a reason: %s',
    (_, pair) => runner.run(pair),
  );

  it('leave every answer in BRONZE exactly once', () => runner.expectAllLoaded());
});
