import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { BaseImages } from './base-images.ts';

const root = join(import.meta.dirname, '../../..');
const read = (file: string): string => readFileSync(join(root, file), 'utf8');

const { version } = JSON.parse(read('package.json')) as { version: string };

/** Our images, by their names in docker-compose.yml and deploy/snowflake.yml. */
export const image = `tmdb-stream:${version}`;
export const snowflakeImage = `${image}-snowflake`;

/** The base images, by their names in the Dockerfile and docker-compose.yml. */
export function baseImages(): BaseImages {
  const text = read('Dockerfile') + read('docker-compose.yml');
  const named = (name: string): string => {
    const found = new RegExp(`(?:FROM|image:) (${name}:[^\\s@]+(?:@sha256:[0-9a-f]+)?)`).exec(text)?.[1];
    if (found === undefined) throw new Error(`no image ${name} is named`);
    return found;
  };
  return {
    node: named('node'),
    kafka: named('apache/kafka'),
    valkey: named('valkey/valkey'),
    prometheus: named('prom/prometheus'),
  };
}
