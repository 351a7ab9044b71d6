import { setTimeout as delay } from 'node:timers/promises';
import { expect } from 'vitest';
import { systemClock } from '../../../runtime/clock.ts';
import type { Sandbox } from '../../../sandbox/server.ts';
import { openDuckDbReader } from '../../../warehouse/duckdb/reader.ts';
import { type KafkaFixture, openWithSandbox } from '../kafka/kafka-fixture.ts';
import { topics } from '../kafka/topics.ts';
import type { Pair } from './command-pairs.ts';
import { type Ended, Running } from './side-by-side.ts';

/** The time limit of every command on a busy machine. Longer than any wait for a lease on DuckDB, and than a drain. */
const boundMs = 240_000;
/** How long two services run side by side. */
const atWorkMs = 5_000;
/** A command that ends by itself and takes longer must have printed what it does or what it waits for. */
const silentMs = 45_000;

/** Published answers are about movies beyond this one; the sandbox's ids are smaller. */
const firstMovie = 2_000_000_000;

/** One Kafka, one sandbox and one warehouse for pair after pair, each with new work of every kind. */
export class PairRunner implements AsyncDisposable {
  readonly #fixture: KafkaFixture;
  readonly #sandbox: Sandbox;
  #pairs = 0;

  private constructor(fixture: KafkaFixture, sandbox: Sandbox) {
    this.#fixture = fixture;
    this.#sandbox = sandbox;
  }

  static async open(): Promise<PairRunner> {
    const runner = new PairRunner(...(await openWithSandbox()));
    await runner.#fixture.recreate();
    const first = runner.#start(['run', '--once', '--pages', '1']);
    expect(await first.endsWithin(boundMs)).toMatchObject({ code: 0 });
    return runner;
  }

  /** Runs both at once. @throws AssertionError unless each ends, gives a reason if it fails or waits, and is not silent for long. */
  async run([one, other]: Pair): Promise<void> {
    await this.#addWork();
    const pair = [one, other].map((way) => ({ way, running: this.#start(way.args) }));
    try {
      const watched = pair.map(({ way, running }) => (way.isEndless ? null : watchSilence(running)));
      const finite = pair.filter(({ way }) => !way.isEndless);
      const ended = await Promise.all(finite.map(({ running }) => running.endsWithin(boundMs)));
      for (const [index, outcome] of ended.entries()) expectReason(finite[index]?.running.name ?? '', outcome);
      for (const silence of watched) expect(silence?.()).not.toBe(true);
      if (finite.length === 0) await delay(atWorkMs);
      const endless = pair.filter(({ way }) => way.isEndless);
      for (const { running } of endless) {
        expect(running.child.exitCode, running.output).toBeNull();
        running.child.kill('SIGTERM');
      }
      for (const { running } of endless) {
        expect([0, 143], running.output).toContain((await running.endsWithin(boundMs)).code);
      }
    } finally {
      await Promise.all(pair.map(({ running }) => running[Symbol.asyncDispose]()));
    }
  }

  /** Every answer that was published for the pairs is in BRONZE exactly once, whichever process loaded it. */
  async expectAllLoaded(): Promise<void> {
    const rest = this.#start(['load', '--once']);
    expect(await rest.endsWithin(boundMs)).toMatchObject({ code: 0 });
    const { duckdbPath: path } = this.#fixture;
    await using reader = await openDuckDbReader({ path, lockWaitMs: 10_000, clock: systemClock });
    const sql = `select cast(count(*) as int) as rows, cast(count(distinct movie_id) as int) as movies
      from bronze.raw_movies where movie_id > ${firstMovie} and movie_id <= ${firstMovie + 10 * (this.#pairs + 1)}`;
    const loaded = 10 * this.#pairs;
    expect(await reader.query(sql)).toEqual([{ rows: loaded, movies: loaded }]);
  }

  /** Ids to fetch, answers to load, and a record to park. */
  async #addWork(): Promise<void> {
    const from = 20 + this.#pairs * 5;
    this.#pairs += 1;
    await this.#fixture.publishIds(5, from % 380);
    await this.#fixture.publish(10, { from: firstMovie + this.#pairs * 10 });
    await this.#fixture.write(topics.rawMovies.name, [{ key: '7', value: 'no record of ours' }]);
  }

  #start(args: readonly string[]): Running {
    return new Running(this.#fixture, args, {
      TMDB_BASE_URL: this.#sandbox.url,
      TMDB_RATE_LIMIT: '1000/1s',
      TRANSFORM_SCHEDULE: '*/20 * * * * *',
      KAFKA_PARTITIONS: '2',
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#fixture[Symbol.asyncDispose]();
    await this.#sandbox[Symbol.asyncDispose]();
  }
}

/** Expects exit code 0, or one of our codes with a reason in words: never a stack, never a signal. */
function expectReason(name: string, { code, stdout, stderr }: Ended): void {
  const told = `${name} ended with ${code}:\n${stdout}${stderr}`;
  expect([0, 1, 2, 4, 5], told).toContain(code);
  expect(stderr, told).not.toMatch(/^\s+at .+:\d+:\d+\)?$/m);
  // A command that checks for problems prints them as its result.
  if (code !== 0) expect((stdout + stderr).trim(), told).not.toBe('');
}

/** @returns whether it ran for `silentMs` without writing anything. */
function watchSilence(running: Running): () => boolean {
  let wasSilent = false;
  const timer = setTimeout(() => {
    wasSilent = running.child.exitCode === null && running.output === '';
  }, silentMs);
  timer.unref();
  void running.ended.then(() => clearTimeout(timer));
  return () => wasSilent;
}
