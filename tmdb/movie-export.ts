import { pipeline } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { Agent, type Dispatcher, ProxyAgent } from 'undici';
import type { Secret } from '../runtime/secret.ts';
import { UntrustedServerError, UnusableAnswerError } from './errors.ts';
import { type ExportBatch, readBatches } from './export-batches.ts';
import { describeFailure, untrustedServer } from './transport.ts';

/** Which file, and from where. */
export interface ExportRequest {
  /** The UTC day of the file, `YYYY-MM-DD`. */
  readonly day: string;
  /** Whether to read the file with the adult movies instead of the one with all others. */
  readonly isAdult: boolean;
  /** Lines in a batch. */
  readonly batchLines: number;
}

/** TMDb's daily export of all ids. */
export interface MovieExports extends AsyncDisposable {
  /**
   * The batches of a file; null if there is no such file. A file is read as a stream.
   * @throws UnusableAnswerError if the file cannot be read or is torn, also while batches are read; UntrustedServerError; the reason of the signal.
   */
  open(request: ExportRequest, signal: AbortSignal): Promise<AsyncIterable<ExportBatch> | null>;
}

export interface MovieExportOptions {
  /** The origin of the server, such as `https://files.tmdb.org`. */
  readonly url: string;
  /** How long (ms) the server may be silent. */
  readonly timeoutMs: number;
  readonly proxy?: Secret | undefined;
}

/** A day whose file does not exist: the storage behind TMDb's server answers 403 for it. */
const missing = [403, 404];

/** The server is not TMDb's API. It needs no credentials, so it is never sent any. Redirects are not followed. */
export function openMovieExports({ url, timeoutMs, proxy }: MovieExportOptions): MovieExports {
  const limits = { connections: 1, headersTimeout: timeoutMs, bodyTimeout: timeoutMs };
  const dispatcher = proxy ? new ProxyAgent({ ...limits, uri: proxy.reveal() }) : new Agent(limits);
  const typed = (error: unknown, path: string): Error => {
    if (error instanceof UnusableAnswerError) return error;
    return (
      untrustedServer(url, error) ?? new UnusableAnswerError('attempts_exhausted', describeFailure(error, path), true)
    );
  };
  const open: MovieExports['open'] = async (request, signal) => {
    const path = exportPath(request);
    try {
      const { statusCode, body } = await ask(dispatcher, { origin: url, path, signal });
      if (statusCode === 200) return batches(body, request, { signal, typed: (error) => typed(error, path) });
      await body.dump();
      if (missing.includes(statusCode)) return null;
      throw new UnusableAnswerError(
        'unexpected_status',
        `the server of the export answered ${statusCode} for ${path}`,
        true,
      );
    } catch (error) {
      signal.throwIfAborted();
      throw error instanceof UntrustedServerError ? error : typed(error, path);
    }
  };
  return { open, [Symbol.asyncDispose]: () => dispatcher.destroy() };
}

const ask = (
  dispatcher: Dispatcher,
  options: { readonly origin: string; readonly path: string; readonly signal: AbortSignal },
) => dispatcher.request({ ...options, method: 'GET' });

async function* batches(
  body: Dispatcher.ResponseData['body'],
  request: ExportRequest,
  { signal, typed }: { readonly signal: AbortSignal; readonly typed: (error: unknown) => Error },
): AsyncGenerator<ExportBatch> {
  // An error of either stream arrives in the loop that reads the lines.
  const lines = pipeline(body, createGunzip(), () => {});
  try {
    yield* readBatches(lines, request);
  } catch (error) {
    signal.throwIfAborted();
    throw typed(error);
  } finally {
    body.destroy();
  }
}

/** The path of TMDb's file of a day. */
export function exportPath({ day, isAdult }: Pick<ExportRequest, 'day' | 'isAdult'>): string {
  const [year, month, date] = day.split('-');
  return `/p/exports/${isAdult ? 'adult_movie' : 'movie'}_ids_${month}_${date}_${year}.json.gz`;
}
