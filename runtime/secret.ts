import { inspect } from 'node:util';

/** A value that must not be printed: every conversion to text gives `[secret]`, except `reveal`. */
export class Secret {
  readonly #value: string;

  constructor(value: string) {
    this.#value = value;
  }

  /** The value itself, for the one caller that sends it. */
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

/** The secrets of a URL with a password: the URL, and the password in both encoded and decoded form. A message may quote any. */
export function secretsOfUrl(url: Secret): Secret[] {
  const { password } = new URL(url.reveal());
  return password === '' ? [] : [url, new Secret(password), new Secret(decodeURIComponent(password))];
}

/** Of a key in PEM: a message may quote the key, a line of it, or all its lines as one. */
export function secretsOfPem(key: Secret): readonly Secret[] {
  const lines = key
    .reveal()
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => /^[A-Za-z0-9+/=]{16,}$/.test(line));
  return [key, ...(lines.length > 0 ? [lines.join(''), ...lines].map((line) => new Secret(line)) : [])];
}
