import type { Change } from './change.ts';

/** A guarantee broken on purpose, in one place. */
export interface Mutant {
  /** What is broken. */
  readonly name: string;
  readonly file: string;
  /** The statement that it changes: the one with the comment `mutant: PLACE` (see `changeAt`). Several mutants can share a place. */
  readonly place: string;
  readonly change: Change;
  /** The fastest tests that must detect it. */
  readonly tests: Tests;
}

export interface Tests {
  readonly files: readonly string[];
  /** Runs only the tests of those files whose name matches this pattern. */
  readonly only?: string;
  /** The time limit of one test, for a mutant that may make a test wait forever. */
  readonly timeoutMs?: number;
}

/** The outcome of the tests for a mutant. `void`: they did not run, so nothing is known. */
export type Verdict =
  | { readonly outcome: 'killed'; readonly by: string }
  | { readonly outcome: 'survived' }
  | { readonly outcome: 'void'; readonly why: string };
