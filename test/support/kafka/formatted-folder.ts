import { randomBytes } from 'node:crypto';
import { copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** The files that Kafka's format command writes below `log` in a broker's folder. */
const properties = 'meta.properties';
const formatted = [properties, join('__cluster_metadata-0', '00000000000000000000-0000000000.checkpoint')];

/** The variable that names the folder filled by `keepFormatted`, for the workers of a run. */
const variable = 'TEST_KAFKA_FORMATTED';

/**
 * Keeps the files that the format command wrote for a started broker, so that later brokers of this run need no Java to format
 * their folders. @param dataDir of that broker. @param target a folder that lasts as long as the run.
 */
export function keepFormatted(dataDir: string, target: string): void {
  for (const file of formatted) copyTo(join(dataDir, 'log', file), join(target, file));
  process.env[variable] = target;
}

/** Formats a new folder by copying, with new ids. Does nothing if the folder exists, or if no formatted one was kept. */
export function formatByCopy(dataDir: string): void {
  const kept = process.env[variable];
  const log = join(dataDir, 'log');
  if (kept === undefined || existsSync(log)) return;
  for (const file of formatted) copyTo(join(kept, file), join(log, file));
  const text = readFileSync(join(log, properties), 'utf8');
  writeFileSync(
    join(log, properties),
    text.replaceAll(/^(cluster\.id|directory\.id)=.*$/gm, (_, name) => `${name}=${newId()}`),
  );
}

/** An id as Kafka creates it: 16 random bytes in base64url. Kafka refuses ids that begin with a dash. */
function newId(): string {
  const id = randomBytes(16).toString('base64url');
  return id.startsWith('-') ? newId() : id;
}

function copyTo(from: string, to: string): void {
  mkdirSync(dirname(to), { recursive: true });
  copyFileSync(from, to);
}
