import { z } from 'zod';
import type { PathKind } from './path-settings.ts';
import type { Secret } from './secret.ts';

/** How the text of an environment variable becomes a value. */
export interface Kind<Value> {
  /** Its messages say what is expected, and never quote a secret. */
  readonly schema: z.ZodType<Value>;
  /** What a person writes, as Markdown: the unit, the allowed values or an example. */
  readonly form: string;
  /** Present for a secret: everything that must not appear in any output. */
  readonly secretsOf?: (value: Secret) => readonly Secret[];
  /** Present for a path: what it has to name. */
  readonly path?: PathKind;
}

interface Declaration<Value> {
  /** The environment variable. */
  readonly name: string;
  readonly kind: Kind<Value>;
  /** What it is for, as one or two plain sentences. */
  readonly meaning: string;
  /** @default that of the kind */
  readonly form?: string;
  /** A page with more, by its path from the project folder. */
  readonly see?: string;
  /** Other programs know the name in lower case as well. The lower-case variable wins. */
  readonly isAlsoLowerCase?: true;
  /** Node reads the variable when it starts, so `.env` is too late for it. */
  readonly isReadByNode?: true;
}

/** A setting: how it is read, and what a person has to know to set it. */
export interface Setting<Value> extends Declaration<Value> {
  /** Applies the default. */
  readonly schema: z.ZodType<Value>;
  readonly form: string;
  /** The text that stands for an absent variable. */
  readonly default?: string;
  /** Describes a default that depends on other settings. */
  readonly defaultNote?: string;
}

/**
 * Declares a setting. A `default` is written as a person would write it. Without one, an absent variable is `undefined`, and
 * `defaultNote` can say what happens then.
 */
export function setting<Value>(declaration: Declaration<Value> & { readonly default: string }): Setting<Value>;
export function setting<Value>(
  declaration: Declaration<Value> & { readonly defaultNote?: string },
): Setting<Value | undefined>;
export function setting<Value>(
  declaration: Declaration<Value> & { readonly default?: string; readonly defaultNote?: string },
): Setting<Value | undefined> {
  const { kind, default: text } = declaration;
  const schema = text === undefined ? kind.schema.optional() : kind.schema.prefault(text);
  return { form: kind.form, ...declaration, schema };
}

export type Settings = Readonly<Record<string, Setting<unknown>>>;

/** The settings that belong to one part of the program. The part owns them, and `platform/config.ts` composes them. */
export interface SettingsGroup<Values = unknown> {
  /** The heading in docs/configuration.md. */
  readonly title: string;
  /** A variable that begins with one of these and is not a setting is a mistake, unless another program uses it. */
  readonly prefixes: readonly string[];
  /** By the name of the property that has the value. */
  readonly settings: Settings;
  /** From an object with the texts by property to the values, with the checks that concern only this group. */
  readonly schema: z.ZodType<Values>;
}

/** The schema of an object with one property for each setting. */
export const objectOf = <Declared extends Settings>(settings: Declared) =>
  z.object(
    Object.fromEntries(Object.entries(settings).map(([property, { schema }]) => [property, schema])),
  ) as unknown as z.ZodObject<{ [Property in keyof Declared]: Declared[Property]['schema'] }>;
