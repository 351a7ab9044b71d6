import type { RequestListener } from 'node:http';
import { type HttpServer, serve } from './http-server.ts';

/** A revenue that occurs nowhere else in a warehouse: the documents of movie N have this plus N. */
const markedRevenue = 7_700_000_000;

const movie = /^\/3\/movie\/(\d+)(\?|$)/;

/** A server that passes requests to a sandbox and puts a marker into each text of the movies and genres that it answers. */
export async function serveMarked(sandboxUrl: string, marker: () => string): Promise<HttpServer> {
  const answer = async (path: string) => {
    const response = await fetch(new URL(path, sandboxUrl), { headers: { authorization: 'Bearer made-up' } });
    const text = await response.text();
    const [, id] = movie.exec(path) ?? [];
    const isMarked = response.status === 200 && (id !== undefined || path.startsWith('/3/genre/'));
    return { status: response.status, text: isMarked ? markedText(text, Number(id ?? 0), marker()) : text };
  };
  const listener: RequestListener = (request, response) => {
    void answer(request.url ?? '/').then(
      ({ status, text }) => response.writeHead(status, { 'content-type': 'application/json' }).end(text),
      () => response.writeHead(500).end(),
    );
  };
  return await serve(listener);
}

function markedText(text: string, id: number, marker: string): string {
  const document = JSON.parse(text) as Record<string, unknown>;
  if (id === 0) return JSON.stringify(document, (key, value) => (key === 'name' ? `${value} ${marker}` : value));
  const own = `${marker} ${id}`;
  const texts = {
    title: own,
    original_title: own,
    overview: own,
    tagline: own,
    homepage: `https://${marker}.example/`,
  };
  // A field that TMDb does not have: dbt reports it as drift.
  const odd = { [`new_${marker}`]: own };
  const companies = [{ id, name: own, logo_path: null, origin_country: 'US' }];
  const numbers = { revenue: markedRevenue + id, budget: 1_000_000, status: 'Released' };
  return JSON.stringify({ ...document, ...texts, ...numbers, ...odd, production_companies: companies });
}
