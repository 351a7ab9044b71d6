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

/** Takes the secrets out of a text that others wrote (a library's error, a log line), as they are, URL-encoded and as JSON has them. */
export function scrub(text: string, secrets: readonly Secret[]): string {
  return secrets.reduce((clean, secret) => {
    const value = secret.reveal();
    const forms = [value, encodeURIComponent(value), JSON.stringify(value).slice(1, -1)];
    return forms.reduce((text, form) => text.replaceAll(form, '[secret]'), clean);
  }, text);
}
