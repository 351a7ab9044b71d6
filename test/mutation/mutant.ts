/** A promise broken on purpose, in one place. */
export interface Mutant {
  /** What is broken. */
  readonly name: string;
  readonly file: string;
  /** Occurs in the file exactly once. */
  readonly find: string;
  readonly replace: string;
  /** The tests that have to notice, the quickest that do. */
  readonly tests: Tests;
}

export interface Tests {
  readonly files: readonly string[];
  /** Of those files only the tests whose name matches this pattern. */
  readonly only?: string;
  /** How long one of them may take, broken or not, where what is broken may make it wait for ever. */
  readonly timeoutMs?: number;
}

/** The outcome of the tests for a mutant. `void`: they did not run, so nothing is known. */
export type Verdict =
  | { readonly outcome: 'killed'; readonly by: string }
  | { readonly outcome: 'survived' }
  | { readonly outcome: 'void'; readonly why: string };
