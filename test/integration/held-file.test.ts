import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createFileWatch } from '../../platform/warehouse.ts';
import { systemClock } from '../../runtime/clock.ts';
import { Health } from '../../runtime/health.ts';
import { createMetrics } from '../../runtime/metrics.ts';
import { describeProgram } from '../../runtime/program.ts';
import { noProgress } from '../../runtime/progress.ts';
import { holderInMessage } from '../../warehouse/duckdb/file-wait.ts';
import { duckDbSystem } from '../../warehouse/duckdb/system.ts';
import { openDuckDbWarehouse } from '../../warehouse/duckdb/warehouse.ts';
import type { FileWait, WarehouseSystem } from '../../warehouse/system.ts';
import { WarehouseUnavailableError } from '../../warehouse/warehouse.ts';
import { environmentDir } from '../support/dbt/warehouse-file.ts';

const lockModule = join(import.meta.dirname, '../../warehouse/duckdb/file-lock.ts');
const clockModule = join(import.meta.dirname, '../../runtime/clock.ts');

describe('a DuckDB file that another process holds', () => {
  let folder: string;
  let path: string;
  const children: ChildProcess[] = [];

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'tmdb-stream-held-'));
    path = join(folder, 'x.duckdb');
    await using warehouse = await openDuckDbWarehouse({ path, lockWaitMs: 5_000, clock: systemClock });
    await warehouse.migrate();
  });
  afterEach(async () => {
    for (const child of children.splice(0)) {
      child.kill('SIGKILL');
      if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
    }
    rmSync(folder, { recursive: true });
  });

  /** Resolves when the process has reported that it holds the file. */
  const start = async (program: string, args: readonly string[]): Promise<number> => {
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    children.push(child);
    await once(child.stdout as NodeJS.ReadableStream, 'data');
    return child.pid ?? 0;
  };
  const node = () =>
    start(process.execPath, [
      '-e',
      `require('@duckdb/node-api').DuckDBInstance.create(process.argv[1]).then((it) => { global.it = it; console.log('open'); setInterval(() => {}, 1000); });`,
      path,
    ]);
  const python = () =>
    start(join(environmentDir, 'bin', 'python'), [
      '-c',
      "import duckdb, sys, time; it = duckdb.connect(sys.argv[1]); print('open', flush=True); time.sleep(600)",
      path,
    ]);
  /** A process with the name of one of our commands, which holds the lock. */
  const ourCommand = () => {
    const script = join(folder, 'cli.ts');
    const [lock, clock] = [lockModule, clockModule].map((file) => JSON.stringify(pathToFileURL(file).href));
    writeFileSync(
      script,
      `import { takeFileLock } from ${lock}; import { systemClock as clock } from ${clock};
       await takeFileLock({ path: process.argv[3] ?? '', clock, waitMs: 0 }); console.log('open'); setInterval(() => {}, 1000);`,
    );
    return start(process.execPath, [script, 'load', path]);
  };
  const suspended = async () => {
    const pid = await node();
    process.kill(pid, 'SIGSTOP');
    return pid;
  };
  const killed = async () => {
    const pid = await ourCommand();
    const child = children.at(-1) as ChildProcess;
    child.kill('SIGKILL');
    await once(child, 'exit');
    return pid;
  };

  const openWith = (waits: (FileWait | null)[], lockWaitMs: number): WarehouseSystem => {
    const place = { duckdbPath: path, goldPath: join(folder, 'gold.duckdb'), lockWaitMs };
    const { signal } = new AbortController();
    return duckDbSystem(place, {
      clock: systemClock,
      retentionMs: Number.POSITIVE_INFINITY,
      signal,
      watchFile: () => (wait) => void waits.push(wait),
    });
  };

  it.each([
    ['a program with Node', node, (pid: number) => `node (pid ${pid})`],
    ['a Python shell', python, (pid: number) => `python (pid ${pid})`],
    ['a command of ours', ourCommand, (pid: number) => `tmdb-stream load (pid ${pid})`],
    [
      'a suspended process',
      suspended,
      (pid: number) => `node (pid ${pid}, suspended: "kill -CONT ${pid}" lets it continue)`,
    ],
  ])('[R106] is reported within two seconds with program, pid and the time left: %s', async (_, hold, holder) => {
    const pid = await hold();
    const waits: (FileWait | null)[] = [];
    await expect(openWith(waits, 1_500).openReader()).rejects.toThrow(holder(pid));
    expect(waits[0]).toMatchObject({ path, holder: holder(pid) });
    expect(waits[0]?.leftMs).toBeGreaterThan(0);
    expect(waits[0]?.leftMs).toBeLessThanOrEqual(500);
  });

  it('[R106] is free at once after its holder is killed, and no wait is reported', async () => {
    await killed();
    const waits: (FileWait | null)[] = [];
    await (await openWith(waits, 5_000).openReader())[Symbol.asyncDispose]();
    expect(waits.filter((wait) => wait !== null)).toEqual([]);
    expect(readdirSync(`${path}.queue`)).toEqual([]);
  });

  const openers: readonly (readonly [string, (system: WarehouseSystem) => Promise<unknown>])[] = [
    ['openLoader', (system) => system.openLoader()],
    ['openReader', (system) => system.openReader()],
    ['openPurge', async (system) => (await system.openPurge()).isUnfinished()],
    ['openRebuild', (system) => system.openRebuild()],
    ['openBackfill', (system) => system.openBackfill('x')],
    ['openRunLog', (system) => system.openRunLog()],
    ['publishGold', (system) => system.publishGold([])],
    ['takeTransformLease', (system) => system.takeTransformLease()],
  ];

  it('[R106] is reported by everything that opens it', async () => {
    await ourCommand();
    const seen = openers.map(([, open]) => {
      const waits: (FileWait | null)[] = [];
      return open(openWith(waits, 1_300)).then(
        () => 'opened',
        () => waits[0]?.holder.replace(/\d+/, 'N'),
      );
    });
    expect(await Promise.all(seen)).toEqual(openers.map(() => 'tmdb-stream load (pid N)'));
    const system = openWith([], 0);
    // openGold opens the published copy, which nothing holds.
    const opens = Object.keys(system).filter((name) => /^(open|take|publish)/.test(name) && name !== 'openGold');
    expect(opens.toSorted()).toEqual(openers.map(([name]) => name).toSorted());
  });

  it('causes no wait for a command that only reads, which reports no wait either', async () => {
    await ourCommand();
    const waits: (FileWait | null)[] = [];
    const started = systemClock.monotonic();
    await expect(openWith(waits, 60_000).openReader({ lookMs: 1_000 })).rejects.toThrow(WarehouseUnavailableError);
    expect(systemClock.monotonic() - started).toBeLessThan(10_000);
    expect(waits).toEqual([]);
  });

  it('[R106] is named with its program also by a command that waits behind one of our processes, which waits for the program', async () => {
    const pid = await node();
    const opening = openWith([], 60_000).openReader();
    const queue = `${path}.queue`;
    await vi.waitFor(
      () => expect(readFileSync(join(queue, readdirSync(queue)[0] ?? ''), 'utf8')).toContain('waitsFor'),
      { timeout: 20_000 },
    );
    const looking = openWith([], 60_000).openReader({ lookMs: 100 });
    await expect(looking).rejects.toThrow(`is in use by process ${process.pid} on`);
    await expect(looking).rejects.toThrow(`, which waits for node (pid ${pid}): wait for it, or end it`);
    children.at(-1)?.kill('SIGKILL');
    await using _ = await opening;
    expect(readFileSync(join(queue, readdirSync(queue)[0] ?? ''), 'utf8')).not.toContain('waitsFor');
  });

  it('is reported for dbt, which opens it itself, and the wait ends when dbt has opened it', () => {
    const waits: (FileWait | null)[] = [];
    const system = openWith(waits, 0);
    const message = `IO Error: Could not set lock on file "${path}": Conflicting lock is held in bi tool (PID ${process.pid}).`;
    expect(system.reportHolder(message, 700)).toBe(true);
    expect(system.reportHolder('a model failed', 700)).toBe(false);
    system.reportHolder(null);
    expect(waits).toEqual([
      { path, holder: expect.stringContaining(`(pid ${process.pid})`), leftMs: 700, waitedMs: 0, isQueued: false },
      null,
    ]);
  });

  it('[R106] has its holder named as far as possible: without rights to its process, and in another container', () => {
    const unseen = () => ({ name: null, isStopped: false });
    expect(describeProgram(42, null, unseen)).toBe('a process (pid 42)');
    expect(describeProgram(42, 'bi\u001b tool', unseen)).toBe('bi\\u001b tool (pid 42)');
    const lock = 'IO Error: Could not set lock on file "/x": Conflicting lock is held in';
    expect(holderInMessage(`${lock} PID 0. See also`)).toContain('perhaps in another container');
    expect(holderInMessage(`${lock} PID ${2 ** 22 + 1}. See also`)).toBe(`a process (pid ${2 ** 22 + 1})`);
    expect(holderInMessage(`${lock} some tool (PID ${2 ** 22 + 1}) by user x`)).toBe(`some tool (pid ${2 ** 22 + 1})`);
    expect(holderInMessage('IO Error: Cannot open file')).toBeNull();
  });

  describe('its report', () => {
    const setUp = () => {
      const lines: { level: number; msg: string }[] = [];
      const shown: string[] = [];
      const log = pino({ level: 'info' }, { write: (line) => lines.push(JSON.parse(line)) });
      const [health, metrics] = [new Health(systemClock), createMetrics('0')];
      const progress = {
        ...noProgress,
        busy: (_: string, doing: string) => {
          shown.push(doing);
          return { [Symbol.dispose]: () => {} };
        },
      };
      const state = async () => [
        (await health.readiness()).checks['warehouse'],
        (await metrics.warehouseHeld.get()).values[0]?.value ?? 0,
      ];
      const logged = () => lines.map(({ level, msg }) => [level, msg]);
      return { watch: createFileWatch({ health, metrics, log, progress }), state, logged, shown };
    };
    const foreign = { path: '/x', holder: 'python (pid 7)', waitedMs: 1_000, isQueued: false };
    const queued = { path: '/x', holder: 'tmdb-stream schedule (pid 8)', isQueued: true };

    it('[R106] makes its waiting process unready with the reason, with one warning for each holder, one line at the end, and a gauge', async () => {
      const { watch, state, logged } = setUp();
      for (const leftMs of [119_000, 118_000, 117_000]) watch({ ...foreign, leftMs });
      expect(await state()).toEqual(['waiting for /x: it is held by python (pid 7)', 1]);
      watch({ ...queued, leftMs: 0, waitedMs: 1_500 });
      watch(null);
      watch(null);
      expect(await state()).toEqual(['ok', 0]);
      expect(logged()).toEqual([
        [40, '/x is held by python (pid 7): waiting up to 1 min 59 s for it'],
        [40, '/x is held by tmdb-stream schedule (pid 8)'],
        [30, 'the DuckDB file is available again'],
      ]);
    });

    it('[R106] keeps a service ready and its log quiet while one of our own processes holds the file for a usual time', async () => {
      const { watch, state, logged, shown } = setUp();
      for (const waitedMs of [1_000, 2_000, 29_000]) watch({ ...queued, waitedMs, leftMs: 100_000 });
      expect(await state()).toEqual(['ok', 1]);
      watch(null);
      expect(logged()).toEqual([]);
      expect(shown).toEqual(['waiting for tmdb-stream schedule (pid 8), which has the DuckDB file']);
    });

    it('[R106] names one of our own processes that holds the file for longer', async () => {
      const { watch, state, logged } = setUp();
      for (const waitedMs of [29_000, 30_000, 31_000]) watch({ ...queued, waitedMs, leftMs: 90_000 });
      expect(await state()).toEqual(['waiting for /x: it is held by tmdb-stream schedule (pid 8)', 1]);
      expect(logged()).toEqual([[40, '/x is held by tmdb-stream schedule (pid 8): waiting up to 1 min 30 s for it']]);
    });
  });
});
