import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { formatByCopy, keepFormatted } from '../../support/kafka/formatted-folder.ts';

describe('a folder that is formatted by copying', () => {
  let folder: string;
  const checkpoint = '__cluster_metadata-0/00000000000000000000-0000000000.checkpoint';
  const properties = 'node.id=1\ndirectory.id=aaaaaaaaaaaaaaaaaaaaaa\nversion=1\ncluster.id=bbbbbbbbbbbbbbbbbbbbbb\n';

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'tmdb-stream-formatted-'));
    mkdirSync(join(folder, 'first/log/__cluster_metadata-0'), { recursive: true });
    writeFileSync(join(folder, 'first/log/meta.properties'), properties);
    writeFileSync(join(folder, 'first/log', checkpoint), 'x');
    delete process.env['TEST_KAFKA_FORMATTED'];
  });
  afterEach(() => {
    delete process.env['TEST_KAFKA_FORMATTED'];
    rmSync(folder, { recursive: true });
  });

  it('has the files of the first folder, and new ids', () => {
    keepFormatted(join(folder, 'first'), join(folder, 'kept'));
    formatByCopy(join(folder, 'second'));
    expect(readFileSync(join(folder, 'second/log', checkpoint), 'utf8')).toBe('x');
    const text = readFileSync(join(folder, 'second/log/meta.properties'), 'utf8');
    expect(text).toMatch(/^node\.id=1\ndirectory\.id=[\w-]{22}\nversion=1\ncluster\.id=[\w-]{22}\n$/);
    expect(text).not.toMatch(/aaaa|bbbb/);
  });

  it('is unchanged if it exists, and is not created if no formatted folder was kept', () => {
    formatByCopy(join(folder, 'second'));
    expect(existsSync(join(folder, 'second'))).toBe(false);
    keepFormatted(join(folder, 'first'), join(folder, 'kept'));
    formatByCopy(join(folder, 'first'));
    expect(readFileSync(join(folder, 'first/log/meta.properties'), 'utf8')).toBe(properties);
  });
});
