import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { KafkaFixture } from '../support/kafka/kafka-fixture.ts';
import { outcomeOf } from '../support/processes/cli.ts';
import { crashEnvironment, firedIn } from '../support/processes/crash-points.ts';
import { fileOfDuckDb2 } from '../support/warehouse/newer-duckdb.ts';
import { seededRandom } from '../support/warehouse/seeded-random.ts';
import { contentsOf } from '../support/warehouse/warehouse-contents.ts';
import { SmallDisk } from '../support/warehouse/warehouse-disk.ts';
import { casesOf, isLongForm } from '../tiers.ts';

const kills = isLongForm ? 100 : 2;
/** A checkpoint of the batches of this test changes the file more often than this. */
const mostChanges = 6;
const seed = Number(process.env['FAULT_SEED'] ?? Date.now() % 100_000);

describe('a DuckDB file', () => {
  let fixture: KafkaFixture;
  let records = 0;

  const publish = async (count: number) => {
    await fixture.publish(count, { from: records, bytes: 3_000 });
    records += count;
  };

  beforeAll(async () => {
    fixture = await KafkaFixture.open();
    // A loader receives all records of a partition at once, so many partitions cause many flushes.
    await fixture.recreate(16);
    await publish(1_200);
  });
  afterAll(() => fixture[Symbol.asyncDispose]());
  beforeEach(() => fixture.newFile());

  const loadOnce = (env: Readonly<Record<string, string>> = {}) =>
    fixture.cli(['load', '--once'], { LOAD_MAX_ROWS: '100', ...env });
  /** Checks that rows and ledger agree, no row occurs twice, and positions are after the last row. @returns the number of rows. */
  const consistentRows = async (): Promise<number> => {
    const { rows, ...others } = await contentsOf(fixture.duckdbPath);
    expect(others).toEqual({ offsets: rows, inLedger: rows, positions: rows });
    return rows;
  };
  const wholeAfterLoading = async () => {
    const { code, stderr } = await loadOnce();
    expect(code, stderr).toBe(0);
    expect(await fixture.audit()).toMatchObject({ bronzeRows: records });
  };

  describe('a disk', () => {
    // Too small for the log, or for both log and file: a commit or a checkpoint fails.
    it.runIf(SmallDisk.isPossible()).each(casesOf([2, 4]))(
      '[R57] of %i MB that is full ends the loader, and keeps the rows that it has',
      async (megabytes) => {
        using disk = new SmallDisk(megabytes);
        fixture.newFile(disk.path);
        const failed: string[] = [];
        for (let start = 0; start < 2; start += 1) {
          const { code, stderr } = await loadOnce();
          expect(code).toBe(1);
          expect(stderr).toMatch(/no space left on/i);
          failed.push(stderr.includes('CHECKPOINT') ? 'checkpoint' : 'commit');
        }
        disk.resize(200);
        const rows = await consistentRows();
        process.stdout.write(`${rows} of ${records} rows on a disk of ${megabytes} MB; failed: ${failed.join(', ')}\n`);
        await wholeAfterLoading();
      },
    );

    it('[R57] on which files cannot grow ends the loader as well, if its user is not root', {
      tags: ['full'],
    }, async () => {
      const limited = [
        '-c',
        'ulimit -f 2048; exec "$@"',
        'bash',
        process.execPath,
        join(import.meta.dirname, '../../cli.ts'),
        'load',
        '--once',
      ];
      const { PATH = '' } = process.env;
      const env = { PATH, ...fixture.settings({ LOAD_MAX_ROWS: '100' }) };
      const { code, stderr } = await outcomeOf(spawn('bash', limited, { cwd: fixture.dataDir, env, detached: true }));
      expect(code).toBe(1);
      expect(stderr).toContain('File too large');
      expect(await consistentRows()).toBeLessThan(records);
      await wholeAfterLoading();
    });

    it.runIf(SmallDisk.isPossible())(
      '[R57] that is read-only is refused, and nothing is changed',
      { tags: ['full'] },
      async () => {
        using disk = new SmallDisk(200);
        fixture.newFile(disk.path);
        await wholeAfterLoading();
        const before = readFileSync(fixture.duckdbPath);
        disk.setReadOnly(true);
        const { code, stderr } = await loadOnce();
        expect(code).toBe(2);
        expect(stderr).toContain('its file system is read-only');
        disk.setReadOnly(false);
        expect(readFileSync(fixture.duckdbPath).equals(before)).toBe(true);
        await wholeAfterLoading();
      },
    );
  });

  it('[R58] holds rows and ledger that agree when its loader is killed in the middle of a checkpoint', async () => {
    const random = seededRandom(seed);
    const diedAt: number[] = [];
    for (let kill = 0; kill < kills; kill += 1) {
      const change = 1 + Math.floor(random() * mostChanges);
      const script = join(import.meta.dirname, '../support/warehouse/warehouse-checkpointer.ts');
      const args = [script, fixture.duckdbPath, String(change)];
      const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
      const lines: string[] = [];
      createInterface({ input: child.stdout }).on('line', (line) => lines.push(line));
      await once(child, 'close');
      expect(child.signalCode).toBe('SIGKILL');
      expect(lines.at(-1)).toBe('closing');
      diedAt.push(change);
      expect(await consistentRows()).toBeGreaterThan(0);
    }
    process.stdout.write(`killed in a checkpoint at change ${diedAt.join(', ')} of the file (seed ${seed})\n`);
  });

  describe('a log that a killed loader left', () => {
    let kept: string;
    let [inFile, inLog] = [0, 0];
    const wal = () => `${fixture.duckdbPath}.wal`;
    /** The same file and log under another name: opening them writes the log into the file. */
    const copyKept = () => {
      copyFileSync(kept, fixture.duckdbPath);
      copyFileSync(`${kept}.wal`, wal());
    };

    beforeAll(async () => {
      fixture.newFile();
      kept = fixture.duckdbPath;
      await wholeAfterLoading();
      inFile = records;
      await publish(1_200);
      const log = join(fixture.dataDir, 'crash-points');
      const { code } = await loadOnce(crashEnvironment('CRASH_AT', { point: 'loader.committed', hit: 5 }, log));
      expect(code).toBeNull();
      expect(firedIn(log)).toHaveLength(1);
      fixture.newFile();
      copyKept();
      inLog = (await consistentRows()) - inFile;
      expect(inLog).toBeGreaterThan(0);
    });
    beforeEach(copyKept);

    const cuts: [string, (bytes: number) => number][] = [
      ['its last byte', (bytes) => bytes - 1],
      ['its last 5,000 bytes', (bytes) => bytes - 5_000],
      ['half of it', (bytes) => bytes >> 1],
      ['all but its first 100 bytes', () => 100],
      ['all its bytes', () => 0],
    ];

    it.each(casesOf(cuts, [2]))(
      '[R58] and that has lost %s restores whole batches, and the rest is loaded from Kafka',
      async (_, newSize) => {
        truncateSync(wal(), newSize(statSync(wal()).size));
        const left = (await consistentRows()) - inFile;
        process.stdout.write(`${left} of ${inLog} rows left of the log\n`);
        expect(left).toBeGreaterThanOrEqual(0);
        expect(left).toBeLessThan(inLog);
        await wholeAfterLoading();
      },
    );

    it('[R58] and that is deleted loses rows and their positions, so all of them are loaded from Kafka again', {
      tags: ['full'],
    }, async () => {
      rmSync(wal());
      expect(await consistentRows()).toBe(inFile);
      await wholeAfterLoading();
    });

    it('[R58] and in which a byte has changed is never accepted', { tags: ['full'] }, async () => {
      const bytes = readFileSync(wal());
      const middle = bytes.length >> 1;
      bytes.writeUInt8(bytes.readUInt8(middle) ^ 0xff, middle);
      writeFileSync(wal(), bytes);
      const { code, stderr } = await loadOnce();
      expect(code).toBe(1);
      expect(stderr).toContain('has a log that is damaged');
      expect(readFileSync(wal()).equals(bytes)).toBe(true);
      rmSync(wal());
      expect(await consistentRows()).toBe(inFile);
      await wholeAfterLoading();
    });
  });

  it('[R59] that a newer DuckDB has written is refused, and not changed', { tags: ['full'] }, async () => {
    writeFileSync(fixture.duckdbPath, fileOfDuckDb2);
    const { code, stderr } = await loadOnce();
    expect(code).toBe(1);
    expect(stderr).toContain('was written by another version of DuckDB');
    expect(readFileSync(fixture.duckdbPath).equals(fileOfDuckDb2)).toBe(true);
  });
});
