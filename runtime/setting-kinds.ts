import { z } from 'zod';
import { type PathKind, pathMistake } from './path-settings.ts';
import { Secret, secretsOfUrl } from './secret.ts';
import type { Kind } from './setting.ts';
import { parseBytes, parseDuration } from './units.ts';

/** The kinds of settings that several adapters share. */

/** A text that `parse` understands; `hint` shows what a good one looks like. */
export const parsedBy = <Value>(parse: (text: string) => Value | null, hint: string): z.ZodType<Value> =>
  z.string().transform((text, context): Value => {
    const value = parse(text);
    if (value !== null) return value;
    context.addIssue({ code: 'custom', message: `expected something like ${hint}, got "${text}"` });
    return z.NEVER;
  });

const commaSeparated = z.string().transform((text) =>
  text
    .split(',')
    .map((item) => item.trim())
    .filter(Boolean),
);

export const text: Kind<string> = { schema: z.string().min(1), form: 'text' };

export const list: Kind<readonly string[]> = { schema: commaSeparated, form: 'comma-separated list' };

/** A comma-separated list of texts that `parse` understands; each that it does not understand is a mistake. */
export const listOf = <Value>(parse: (text: string) => Value | null, form: string): Kind<readonly Value[]> => ({
  schema: commaSeparated.transform((texts, context): readonly Value[] =>
    texts.flatMap((item) => {
      const value = parse(item);
      if (value !== null) return [value];
      context.addIssue({ code: 'custom', message: `expected ${form.replaceAll('`', '')}, got "${item}"` });
      return [];
    }),
  ),
  form: `${form}, comma-separated`,
});

export const flag: Kind<boolean> = {
  schema: z.enum(['true', 'false']).transform((text) => text === 'true'),
  form: '`true` or `false`',
};

export const choice = <const Value extends string>(...values: readonly [Value, ...Value[]]): Kind<Value> => ({
  schema: z.enum(values) as unknown as z.ZodType<Value>,
  form: values
    .map((value) => `\`${value}\``)
    .join(', ')
    .replace(/, (?=[^,]*$)/, ' or '),
});

export const integer = ({ min, max }: { readonly min?: number; readonly max?: number } = {}): Kind<number> => {
  const bound = max === undefined ? `, ${min} or more` : `, ${min} to ${max}`;
  return {
    schema: z.coerce
      .number()
      .int()
      .min(min ?? Number.MIN_SAFE_INTEGER)
      .max(max ?? Number.MAX_SAFE_INTEGER),
    form: `integer${min === undefined ? '' : bound}`,
  };
};

/** 1 or more. */
export const count = integer({ min: 1 });

/** In milliseconds. */
export const duration: Kind<number> = { schema: parsedBy(parseDuration, '10s, 15m or 24h'), form: 'duration' };

/** @param min the shortest duration that is accepted, such as `2s`. */
export const durationFrom = (min: string): Kind<number> => ({
  schema: duration.schema.refine((ms) => ms >= (parseDuration(min) ?? 0), `expected ${min} or more`),
  form: `duration, \`${min}\` or more`,
});

/** In bytes. */
export const bytes: Kind<number> = { schema: parsedBy(parseBytes, '500KB or 64MB'), form: 'size' };

const itself = (value: Secret): readonly Secret[] => [value];

export const secret: Kind<Secret> = {
  schema: z
    .string()
    .trim()
    .min(1)
    .transform((value) => new Secret(value)),
  form: 'text',
  secretsOf: itself,
};

/** A secret that an HTTP header can carry. */
export const headerSecret: Kind<Secret> = {
  schema: z
    .string()
    .trim()
    .regex(/^[\x21-\x7e]+$/, 'has characters that are not valid in an HTTP header: copy it again')
    .transform((value) => new Secret(value)),
  form: 'text',
  secretsOf: itself,
};

/** The URL is printed and stored, so it must not carry a secret. */
const isBareUrl = (url: string): boolean => {
  const { username, password, search, hash } = new URL(url);
  return [username, password, search, hash].every((part) => part === '');
};

/** The schema of a URL that stays as it is. */
export const exactHttpUrl = (example: string) =>
  z
    .url({ protocol: /^https?$/, error: `expected a URL such as ${example}`, abort: true })
    .refine(
      isBareUrl,
      'the URL must have no user, password, query or fragment: credentials have settings of their own',
    );

/** The schema of a URL without a trailing slash. */
export const httpUrl = (example: string) => exactHttpUrl(example).transform((url) => url.replace(/\/+$/, ''));

function isDecodable(url: string): boolean {
  try {
    const { username, password } = new URL(url);
    decodeURIComponent(username + password);
    return true;
  } catch {
    return false;
  }
}

/** A URL that may contain a user and a password, and is therefore a secret. A missing scheme becomes `defaultScheme`. */
export const secretUrl = (protocol: RegExp, example: string, defaultScheme?: string): Kind<Secret> => ({
  schema: z
    .string()
    .trim()
    .transform((url) => (defaultScheme === undefined || url.includes('://') ? url : `${defaultScheme}://${url}`))
    .pipe(z.url({ protocol, error: `expected a URL such as ${example}`, abort: true }))
    .refine(isDecodable, 'a % in user or password must be written as %25')
    .transform((url) => new Secret(url)),
  form: `URL such as \`${example}\``,
  secretsOf: secretsOfUrl,
});

const pathForms: Readonly<Record<PathKind, string>> = {
  'folder to write': 'path of a folder',
  'existing folder': 'path of a folder that exists',
  'file to write': 'path of a file',
  'side output': 'path of a file',
  'file to read': 'path of a file that exists',
  'rotating file': 'path of a file',
};

export const path = (kind: PathKind): Kind<string> => ({
  schema: z
    .string()
    .min(1)
    .superRefine((place, context) => {
      const message = pathMistake(kind, place);
      if (message !== null) context.addIssue({ code: 'custom', message });
    }),
  form: pathForms[kind],
  path: kind,
});
