import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { GeneratedCatalogue } from '../../../sandbox/catalogue-generated.ts';
import { serveSockets } from '../network/socket-server.ts';
import { type HttpServer, serve } from './http-server.ts';

/** Servers that send back everything that they receive: headers, credentials, bodies. */

const json = { 'content-type': 'application/json' };
const steering = '\u001b[2J\u202e\u2028\u009b';

/** All parts of a request that could contain a secret. */
const receivedBy = ({ url, headers }: IncomingMessage): string =>
  [url, ...Object.values(headers)].join(' ').replace('Bearer ', '');

/** The forms of an echo in a movie: one for each place from which text of TMDb gets into our output or data. */
type Echo = (response: ServerResponse, text: string, document: Record<string, unknown>) => void;

const titled =
  (title: (text: string) => string): Echo =>
  (response, text, document) =>
    void response.writeHead(200, json).end(JSON.stringify({ ...document, title: title(text) }));
const refused =
  (status: number, code: number): Echo =>
  (response, text) =>
    void response
      .writeHead(status, json)
      .end(JSON.stringify({ success: false, status_code: code, status_message: text }));

export const echoes: Readonly<Record<string, Echo>> = {
  'a title': titled((text) => text),
  'a title in base64': titled((text) => Buffer.from(text).toString('base64')),
  'a title, URL-encoded': titled((text) => encodeURIComponent(text)),
  'a movie that is gone': refused(404, 34),
  'a refusal of one movie': refused(422, 5),
  'a number that is text': (response, text, document) =>
    void response.writeHead(200, json).end(JSON.stringify({ ...document, id: text })),
  'a content type': (response, text) =>
    void response.writeHead(200, { 'content-type': `text/html; echo=${JSON.stringify(text)}` }).end('<html>'),
  'a truncated content type': (response, text) =>
    void response
      .writeHead(200, { 'content-type': `text/html; ${'x'.repeat(30)}${text.replace(/^\S* /, '')}` })
      .end('<html>'),
  'a body that is not JSON': (response, text) => void response.writeHead(200, json).end(`{"echo":${text}`),
  'a short body that is not JSON': (response, text) => void response.writeHead(200, json).end(text.split(' ').at(-1)),
};

/** A TMDb with one movie for each kind of echo, and one without. */
export async function echoingTmdb(): Promise<HttpServer> {
  const kinds = Object.values(echoes);
  const catalogue = new GeneratedCatalogue({ movies: kinds.length + 1 });
  const items = Array.from({ length: kinds.length + 1 }, (_, rank) => catalogue.listItem(rank));
  const page = { page: 1, results: items, total_pages: 1, total_results: items.length };
  const listener: RequestListener = (request, response) => {
    const text = receivedBy(request);
    response.setHeader('x-echo', encodeURIComponent(text));
    const { pathname } = new URL(request.url ?? '/', 'http://x');
    if (pathname.endsWith('/movie/popular')) return void response.writeHead(200, json).end(JSON.stringify(page));
    if (pathname.endsWith('/genre/movie/list')) {
      return void response.writeHead(200, json).end(JSON.stringify({ genres: catalogue.genres }));
    }
    const id = Number(pathname.split('/').at(-1));
    const rank = items.findIndex((item) => item.id === id);
    const document = catalogue.document(id)?.toString() ?? '{}';
    const echo = kinds[rank];
    if (echo) echo(response, text, JSON.parse(document));
    else response.writeHead(200, json).end(document);
  };
  return serve(listener);
}

/** A Snowflake that refuses every request and repeats it in its message, with text that would control a terminal. */
export const echoingSnowflake = (): Promise<HttpServer> =>
  serve(async (request, response) => {
    const body = await Array.fromAsync(request, (chunk) => String(chunk));
    const message = `${steering} ${receivedBy(request)} ${body.join('')}`;
    response.writeHead(200, json).end(JSON.stringify({ success: false, code: '390100', message, data: {} }));
  });

/** A token server or schema registry that refuses the login, and repeats its user and secret, as they were sent and decoded. */
export const echoingLogin = (): Promise<HttpServer> =>
  serve((request, response) => {
    const encoded = request.headers.authorization?.replace('Basic ', '') ?? '';
    const text = `${steering} ${encoded} ${Buffer.from(encoded, 'base64')} ${receivedBy(request)}`;
    response
      .writeHead(401, { ...json, 'www-authenticate': `Basic realm="${encodeURIComponent(text)}"` })
      .end(JSON.stringify({ error: 'invalid_client', error_description: text, error_code: 40_101, message: text }));
  });

/** A Redis that answers every command with an error that repeats it. */
export const echoingRedis = () =>
  serveSockets((socket) => {
    socket.on('data', (data) => {
      const text = data.toString().replaceAll(/[\r\n]+/g, ' ');
      const commands = data.toString().split(/\*\d+\r\n/).length - 1;
      socket.write(`-ERR ${steering.replaceAll(/\s/g, '')} ${text}\r\n`.repeat(Math.max(1, commands)));
    });
  });
