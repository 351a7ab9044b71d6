import { z } from 'zod';
import { UsageError } from '../runtime/errors.ts';
import { type ErrorCode, isErrorCode } from './answers.ts';

/** Which requests a fault affects. */
const scope = {
  /** Share of the requests under `path`, 0 to 1. @default 1 */
  rate: z.number().min(0).max(1).optional(),
  /** Start of the path below `/3`. `{id}` is any number: `/movie/{id}` is details only. @default every path */
  path: z.string().startsWith('/').optional(),
  /** Largest number of requests. @default no limit */
  times: z.int().min(1).optional(),
};

/** A `status_code` of TMDb for which the sandbox has a body. */
const errorCode = z.custom<ErrorCode>(
  (code) => typeof code === 'number' && isErrorCode(code),
  "expected one of TMDb's error codes, such as 34",
);

const kind = <K extends string, S extends z.core.$ZodLooseShape>(name: K, settings: S) =>
  z.strictObject({ kind: z.literal(name), ...settings, ...scope });

const kinds = [
  /** An error answer with TMDb's body for it. `retryAfter` is `date`, `none` or the text of the header. */
  kind('status', {
    status: z.int().min(200).max(599),
    code: errorCode.optional(),
    retryAfter: z.string().optional(),
  }),
  /** The answer comes later. Only this fault can be combined with others. */
  kind('delay', { ms: z.int().min(0) }),
  /** Half of the body that Content-Length promises, then the connection ends. */
  kind('truncate', {}),
  /** The headers at once, the body slowly. */
  kind('slow', { bytesPerSecond: z.int().min(1).max(1_000_000_000) }),
  /** A proxy's page: 200, text/html. */
  kind('html', {}),
  /** 302. */
  kind('redirect', { location: z.string().min(1) }),
  /** The connection ends without an answer. */
  kind('drop', {}),
  /** 200 without a body. */
  kind('empty', {}),
  /** The details of another movie. */
  kind('wrong-id', {}),
  /** Valid JSON that is a thousand times larger when decompressed. */
  kind('bomb', { bytes: z.int().min(1) }),
  /** This many bad elements between the good ones of a list. */
  kind('bad-items', { count: z.int().min(1).max(1_000) }),
  /** A list with invalid totals. */
  kind('bad-totals', {}),
  /** The true answer in gzip, without a Content-Encoding header. */
  kind('undeclared-gzip', {}),
  /** 200 with one of TMDb's error bodies. */
  kind('error-body', { code: errorCode }),
  /** 200 and this body. */
  kind('body', { body: z.string(), contentType: z.string().optional() }),
] as const;

const names = kinds.map(({ shape }) => shape.kind.value).join(', ');
const faultList = z.array(z.discriminatedUnion('kind', kinds, `expected a fault whose kind is one of ${names}`));

export type Fault = Readonly<z.infer<typeof faultList>[number]>;

/**
 * Reads a JSON list of faults, such as `[{"kind":"status","status":503,"rate":0.05,"path":"/movie/"},{"kind":"delay","ms":2000}]`.
 * Empty text means no faults.
 * @throws UsageError that names every mistake at once.
 */
export function parseFaults(text: string): Fault[] {
  if (text.trim() === '') return [];
  const parsed = faultList.safeParse(jsonOf(text));
  if (parsed.success) return parsed.data;
  const mistakes = parsed.error.issues.map(({ path, message }) => `  ${path.join('.') || 'the list'}: ${message}`);
  throw new UsageError(`the faults have ${mistakes.length} mistake(s):\n${mistakes.join('\n')}`);
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new UsageError(
      `expected faults as JSON, such as [{"kind":"status","status":503,"rate":0.05}], got "${text}"`,
    );
  }
}
