import { isUtf8 } from 'node:buffer';
import type { z } from 'zod';
import { messageOf } from '../errors.ts';
import { ErrorAnswer, MovieAnswer } from './answers.ts';
import { UnusableAnswerError } from './errors.ts';
import type { Answer } from './transport.ts';

/** 34 "not found", 6 "invalid id", 37 "not found" of the v4 lists: each says that there is no such movie. */
const goneCodes = [34, 6, 37];

/** The details of a movie; null when TMDb says that it has none of that id. @throws UnusableAnswerError */
export function interpretMovie(answer: Answer, path: string, movieId: number): z.infer<typeof MovieAnswer> | null {
  if (answer.status === 404 || answer.status === 410) {
    if (goneCodes.includes(parseBody(ErrorAnswer, answer, path).status_code)) return null;
    throw new UnusableAnswerError('unexpected_status', `${answer.status} without code 34 for ${path}`, true);
  }
  const movie = parse(MovieAnswer, answer, path);
  if (movie.id === movieId) return movie;
  throw new UnusableAnswerError('wrong_movie', `the answer for ${path} is about movie ${movie.id}`, false);
}

/** What a 200 holds, as `schema` has it. @throws UnusableAnswerError: retriable for what passes by itself. */
export function parse<S extends z.ZodType>(schema: S, answer: Answer, path: string): z.infer<S> {
  const { status } = answer;
  if (status === 408 || status >= 500) {
    throw new UnusableAnswerError('attempts_exhausted', `TMDb answered ${status} for ${path}`, true);
  }
  if (status !== 200) throw new UnusableAnswerError('unexpected_status', `TMDb answered ${status} for ${path}`, false);
  return parseBody(schema, answer, path);
}

/** A body that is no JSON may be a proxy's error page or a torn transfer: both pass. JSON of another shape does not. */
function parseBody<S extends z.ZodType>(schema: S, { contentType, body }: Answer, path: string): z.infer<S> {
  if (!/^application\/json\b/i.test(contentType)) {
    const got = contentType.slice(0, 60) || 'nothing';
    throw new UnusableAnswerError('unexpected_content_type', `expected JSON, got ${got} for ${path}`, true);
  }
  const parsed = schema.safeParse(parseJson(body, path));
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  const where = issue?.path.join('.') || 'the whole';
  throw new UnusableAnswerError('unexpected_shape', `${where}: ${issue?.message} for ${path}`, false);
}

function parseJson(body: Buffer, path: string): unknown {
  if (!isUtf8(body)) throw new UnusableAnswerError('invalid_json', `the body is not UTF-8 for ${path}`, true);
  try {
    return JSON.parse(body.toString());
  } catch (error) {
    throw new UnusableAnswerError('invalid_json', `${messageOf(error).slice(0, 80)} for ${path}`, true);
  }
}
