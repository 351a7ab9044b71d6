import { inspect } from 'node:util';

/** A value that must not be printed: every way of turning it into text gives `[secret]`, save `reveal`. */
export class Secret {
  readonly #value: string;

  constructor(value: string) {
    this.#value = value;
  }

  /** The value itself, for the one place that sends it. */
  reveal(): string {
    return this.#value;
  }

  toString(): string {
    return '[secret]';
  }

  toJSON(): string {
    return '[secret]';
  }

  [inspect.custom](): string {
    return '[secret]';
  }
}

/** Of a URL with a password in it: the URL, and the password as it stands there and as it is. A message may quote any. */
export function secretsOfUrl(url: Secret): Secret[] {
  const { password } = new URL(url.reveal());
  return password === '' ? [] : [url, new Secret(password), new Secret(decodeURIComponent(password))];
}
