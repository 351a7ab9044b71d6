/** What a mutant does to the code at its place. @throws Error if the code does not have, exactly once, what it changes. */
export type Change = (code: string) => string;

/** Replaces the one match of `from`. `$1` in `to` is the first group of a pattern. */
export const swap =
  (from: string | RegExp, to: string): Change =>
  (code) => {
    const pattern = typeof from === 'string' ? from.replace(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`) : from.source;
    const found = [...code.matchAll(new RegExp(pattern, 'g'))].length;
    if (found !== 1) throw new Error(`expected "${from}" once, found it ${found} times in: ${code.trim()}`);
    return typeof from === 'string' ? code.replace(from, () => to) : code.replace(from, to);
  };

export const instead =
  (code: string): Change =>
  () =>
    code;

export const before =
  (statement: string): Change =>
  (code) =>
    `${statement}\n${code}`;

export const after =
  (statement: string): Change =>
  (code) =>
    `${code}\n${statement}`;

export const all =
  (...changes: readonly Change[]): Change =>
  (code) =>
    changes.reduce((changed, change) => change(changed), code);

export const remove: Change = () => '';

/** The body of an `if` runs in no case. */
export const never: Change = swap(/if \(.*\) (?=\{|return|throw)/, 'if (false) ');

/** The body of an `if` runs in every case. */
export const always: Change = swap(/if \(.*\) (?=[^\s()])/, '');

/** A promise is started, and its end is not waited for. */
export const detach: Change = swap(/await (.*);/, 'void $1.catch(() => {});');
