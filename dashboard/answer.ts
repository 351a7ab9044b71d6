import type { Html } from './html.ts';

/** What the server sends. */
export interface Answer {
  readonly status: number;
  readonly type: string;
  readonly body: string;
  /** The name under which a browser saves it; absent: the browser shows it. */
  readonly fileName?: string;
}

export const htmlAnswer = (status: number, page: Html): Answer => ({
  status,
  type: 'text/html; charset=utf-8',
  body: page.toString(),
});

export const textAnswer = (status: number, text: string): Answer => ({
  status,
  type: 'text/plain; charset=utf-8',
  body: `${text}\n`,
});
