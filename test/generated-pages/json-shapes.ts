import { z } from 'zod';
import { commandsByWords } from '../../commands/index.ts';
import { errorLineShape, logLineShape, progressLineShape } from '../../runtime/standard-error.ts';

/** The part of JSON Schema that our shapes use. */
export interface JsonSchema {
  readonly $schema?: string;
  readonly title?: string;
  readonly description?: string;
  readonly type?: string | readonly string[];
  readonly format?: string;
  readonly pattern?: string;
  readonly const?: unknown;
  readonly enum?: readonly string[];
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly required?: readonly string[];
  readonly items?: JsonSchema;
  readonly anyOf?: readonly JsonSchema[];
}

/** One kind of output. */
export interface Printed {
  /** The words of the command, or what the line is. */
  readonly name: string;
  readonly shape: z.ZodType;
  readonly schema: JsonSchema;
}

const printed = (name: string, shape: z.ZodType, title: string): Printed => ({
  name,
  shape,
  schema: {
    ...(z.toJSONSchema(shape, {
      io: 'input',
      override: ({ jsonSchema }) => {
        // The pattern of a time, and the bounds of safe integers, hide what matters.
        if (jsonSchema.format === 'date-time') jsonSchema.pattern = 'Z$';
        if (jsonSchema.maximum === Number.MAX_SAFE_INTEGER) delete jsonSchema.maximum;
        if (jsonSchema.minimum === Number.MIN_SAFE_INTEGER) delete jsonSchema.minimum;
      },
    }) as JsonSchema),
    title,
  },
});

/** What each command with `--json` prints to standard output. */
export async function commandOutputs(): Promise<Printed[]> {
  const outputs: Printed[] = [];
  for (const [words, { shape }] of commandsByWords) {
    if (shape) outputs.push(printed(words, await shape(), `tmdb-stream ${words} --json`));
  }
  return outputs;
}

/** What commands with `--json` write to standard error. */
export const errorStreamLines: readonly Printed[] = [
  printed('error line', errorLineShape, 'The last line of standard error, if a command fails'),
  printed('progress line', progressLineShape, 'Progress on standard error'),
  printed('log line', logLineShape, 'A log line on standard error'),
];
