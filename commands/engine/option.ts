/** A kind of value: how its text is read, and what the help and an error say about it. */
export interface ValueType<T> {
  /** Stands for the value in the help, such as `TIME`. */
  readonly placeholder: string;
  /** Completes "--since takes ...", with an example. */
  readonly form: string;
  /** All possible values, if there are few. */
  readonly choices?: readonly string[];
  /** Whether the value names a file, so that a shell completes it as one. */
  readonly isFile?: boolean;
  /** @returns undefined if the text is not a value of this kind. */
  parse(text: string): T | undefined;
}

interface Documented {
  readonly help: string;
}

export interface Flag extends Documented {
  readonly kind: 'flag';
}

export interface Single<T> extends Documented {
  readonly kind: 'single';
  readonly type: ValueType<T>;
}

export interface Defaulted<T> extends Documented {
  readonly kind: 'defaulted';
  readonly type: ValueType<T>;
  /** Used when the option is not given, written as on the command line. */
  readonly default: string;
}

export interface Repeated<T> extends Documented {
  readonly kind: 'repeated';
  readonly type: ValueType<T>;
}

/** A required value without a name. */
export interface Positional<T> extends Documented {
  readonly kind: 'positional';
  readonly type: ValueType<T>;
}

export type OptionDefinition = Flag | Single<unknown> | Defaulted<unknown> | Repeated<unknown> | Positional<unknown>;

/** The options of a command, by their name in camel case. */
export type OptionDefinitions = Readonly<Record<string, OptionDefinition>>;

type ValueOf<D> = D extends Flag
  ? boolean
  : D extends Defaulted<infer T> | Positional<infer T>
    ? T
    : D extends Repeated<infer T>
      ? readonly T[]
      : D extends Single<infer T>
        ? T | undefined
        : never;

/** The input of a command: a value for each of its options. */
export type OptionsOf<D extends OptionDefinitions> = { readonly [Name in keyof D]: ValueOf<D[Name]> };

/** `--once` */
export const flag = (help: string): Flag => ({ kind: 'flag', help });

/** `--since TIME` */
export const single = <T>(type: ValueType<T>, help: string): Single<T> => ({ kind: 'single', type, help });

/** `--pages N`, with a value that applies if it is not given. */
export const defaulted = <T>(type: ValueType<T>, fallback: string, help: string): Defaulted<T> => ({
  ...{ kind: 'defaulted', type, default: fallback, help },
});

/** `--movie ID`, which may be given several times. */
export const repeated = <T>(type: ValueType<T>, help: string): Repeated<T> => ({ kind: 'repeated', type, help });

/** `ID`, without a name. */
export const positional = <T>(type: ValueType<T>, help: string): Positional<T> => ({ kind: 'positional', type, help });

/** `dryRun` → `--dry-run` */
export const flagName = (name: string): string => `--${name.replace(/[A-Z]|\d+/g, (part) => `-${part.toLowerCase()}`)}`;
