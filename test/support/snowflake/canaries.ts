import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { closeSync, openSync, readdirSync, readFileSync, readSync, statSync } from 'node:fs';
import { join } from 'node:path';

/** A way to log in, with unique secrets. */
export interface Canary {
  readonly name: string;
  /** The environment of a process. */
  readonly env: Readonly<Record<string, string>>;
  /** The texts that must not appear anywhere: each secret, and each line of the key. */
  readonly texts: readonly string[];
}

const made = (what: string) => `canary-${what}-${randomBytes(12).toString('hex')}`;

/** One entry for each way to log in. */
export function makeCanaries(): readonly Canary[] {
  const [token, password, passphrase] = [made('token'), made('password'), made('passphrase')];
  const { privateKey } = generateKeyPairSync('rsa', {
    modulusLength: 2048,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase },
  });
  const lines = privateKey.split('\n').filter((line) => /^[\w+/=]{16,}$/.test(line));
  return [
    { name: 'a token', env: { SNOWFLAKE_TOKEN: token }, texts: [token] },
    {
      name: 'a private key with a passphrase',
      env: { SNOWFLAKE_PRIVATE_KEY: privateKey, SNOWFLAKE_PRIVATE_KEY_PASSPHRASE: passphrase },
      texts: [...lines, passphrase],
    },
    {
      name: 'a password',
      env: { SNOWFLAKE_PASSWORD: password, SNOWFLAKE_ALLOW_PASSWORD: 'true' },
      texts: [password],
    },
  ];
}

/** All of them in one environment, of which the safest way is used. */
export const combined = (canaries: readonly Canary[]): Canary => ({
  name: 'one of each kind',
  env: Object.assign({}, ...canaries.map(({ env }) => env)),
  texts: canaries.flatMap(({ texts }) => texts),
});

/** Whether a text contains any of them: literally, URL-encoded, or as JSON. */
export function isIn(text: string, { texts }: Canary): boolean {
  return texts.some((secret) => text.includes(secret) || text.includes(encodeURIComponent(secret)));
}

const chunkBytes = 8_000_000;

/** Files below a folder, written since `since` (ms since the epoch), that contain a secret. */
export function* filesWith(canary: Canary, folder: string, since: number): Generator<string> {
  for (const path of filesBelow(folder)) {
    try {
      if (statSync(path).mtimeMs >= since && fileHolds(path, canary)) yield path;
    } catch {
      // A file of another program that was deleted meanwhile.
    }
  }
}

function* filesBelow(folder: string): Generator<string> {
  try {
    for (const entry of readdirSync(folder, { withFileTypes: true })) {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) yield* filesBelow(path);
      else if (entry.isFile()) yield path;
    }
  } catch {
    // As above.
  }
}

/** Reads a file in chunks, because some files are large. Each chunk includes the end of the previous one. */
function fileHolds(path: string, canary: Canary): boolean {
  const file = openSync(path, 'r');
  try {
    const chunk = Buffer.alloc(chunkBytes);
    let end = '';
    for (let read = readSync(file, chunk); read > 0; read = readSync(file, chunk)) {
      const text = end + chunk.toString('latin1', 0, read);
      if (isIn(text, canary)) return true;
      end = text.slice(-200);
    }
    return false;
  } finally {
    closeSync(file);
  }
}

/** Repeatedly reads the arguments of every process on this machine, until it is disposed of. */
export class ArgumentWatch implements Disposable {
  /** Arguments that contained a secret. */
  readonly found = new Set<string>();
  /** The number of processes seen. */
  readonly seen = new Set<string>();
  readonly #canary: Canary;
  readonly #timer: NodeJS.Timeout;

  constructor(canary: Canary) {
    this.#canary = canary;
    this.#timer = setInterval(() => this.#look(), 50);
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }

  #look(): void {
    for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
      try {
        const args = readFileSync(`/proc/${pid}/cmdline`, 'latin1');
        this.seen.add(args.replaceAll('\0', ' '));
        if (isIn(args, this.#canary)) this.found.add(args.replaceAll('\0', ' '));
      } catch {
        // It has ended.
      }
    }
  }
}
