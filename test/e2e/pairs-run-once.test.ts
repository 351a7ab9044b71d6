import { afterAll, beforeAll, describe, it } from 'vitest';
import { pairsWith } from '../support/processes/command-pairs.ts';
import { PairRunner } from '../support/processes/pair-runner.ts';

describe('run --once beside every other command', () => {
  let runner: PairRunner;

  beforeAll(async () => {
    runner = await PairRunner.open();
  });
  afterAll(() => runner[Symbol.asyncDispose]());

  it.each(
    pairsWith('run --once --pages 1').map((pair) => [pair.map(({ name }) => name).join(' beside '), pair] as const),
  )('end, or wait and print the reason: %s', (_, pair) => runner.run(pair));

  it('leave every answer in BRONZE exactly once', () => runner.expectAllLoaded());
});
