import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Dbt, DbtEnvironment } from '../../../transform/dbt/dbt.ts';
import { DbtError } from '../../../transform/dbt/dbt-error.ts';
import { transformState } from '../../../transform/state.ts';
import { isLongForm } from '../../tiers.ts';
import { buildOrRun, movie, WarehouseFile } from './warehouse-file.ts';

const vars = { project_fingerprint: 'f' };
const signal = new AbortController().signal;

/** The contract of every runner of dbt. Each implementation passes the same tests. */
export function dbtContract(name: string, open: (place: DbtEnvironment) => Dbt): void {
  describe(`${name} dbt`, { timeout: 300_000 }, () => {
    let file: WarehouseFile;
    let dbt: Dbt;
    beforeEach(async () => {
      file = await WarehouseFile.create();
      dbt = open(file.place());
    });
    afterEach(async () => {
      await dbt[Symbol.asyncDispose]();
      await file[Symbol.asyncDispose]();
    });
    const build = () => file.run(dbt, { vars });
    const retry = () => file.run(dbt, { command: 'retry', vars });
    const state = () => transformState((sql) => file.query(sql), 'f');
    const runs = () =>
      file.query('select command, is_complete, status, run_seq from silver.dbt_runs order by finished_at');
    const failureOf = async (run: Promise<unknown>): Promise<DbtError> => {
      const error = await run.catch((caught: unknown) => caught);
      expect(error).toBeInstanceOf(DbtError);
      return error as DbtError;
    };
    const sameAsFullRefresh = async () => {
      const bySteps = await file.contents();
      await file.run(dbt, { vars, fullRefresh: true });
      const fromScratch = await file.contents();
      for (const [table, rows] of Object.entries(fromScratch)) expect(bySteps[table], table).toEqual(rows);
    };

    it('releases the file after each command, and returns the result', async () => {
      /** In `npm test`, what one fact table needs. */
      const runAll = () =>
        file.run(dbt, { vars, command: buildOrRun, ...(!isLongForm && { select: ['+fact_movies'] }) });
      await file.load(1, [movie(1), movie(2)]);
      // Opens the file for writing, which is possible once the command has ended.
      const first = await runAll();
      await file.load(2, [movie(3)]);
      const freshness = await dbt.freshness({ signal });
      await file.load(3, [movie(2, 9)]);
      const second = await runAll();
      expect(await file.query('select count(*) as movies from gold.fact_movies')).toEqual([{ movies: '3' }]);

      expect(first).toMatchObject({ status: 'success', failures: [] });
      expect(second).toMatchObject({ status: 'success', models: first.models, tests: first.tests });
      expect(await file.query('select invocation_id as id from silver.dbt_runs order by finished_at')).toEqual([
        { id: first.runId },
        { id: second.runId },
      ]);
      const written = (name: string) => readFile(join(file.dir, 'dbt/target', name), 'utf8');
      expect(JSON.parse(await written('run_results.json')).metadata).toMatchObject({ invocation_id: second.runId });
      // No one reads it, and it costs a second of CPU time.
      await expect(written('manifest.json')).rejects.toThrow('ENOENT');
      expect(freshness).toEqual([
        { source: 'bronze.load_batches', status: expect.any(String), ageSeconds: expect.any(Number) },
      ]);
    });

    it('builds the same tables in steps as in a full refresh', { tags: ['full'] }, async () => {
      await file.load(1, [movie(1), movie(2)]);
      await build();
      await file.load(2, [movie(2, 9), movie(3)]);
      await build();
      await sameAsFullRefresh();
    });

    it('reports the age of the sources, and the sources that it cannot read', async () => {
      const statusWhen = async (loadedAt: string) => {
        await file.query(`update bronze.load_batches set loaded_at = ${loadedAt}`);
        return (await dbt.freshness({ signal }))[0];
      };
      expect((await dbt.freshness({ signal }))[0]).toMatchObject({ status: 'error', ageSeconds: null });
      await file.load(1, [movie(1)]);
      const now = `(now() at time zone 'UTC')`;
      expect(await statusWhen(now)).toMatchObject({ status: 'pass' });
      expect(await statusWhen(`${now} - interval 2 day`)).toMatchObject({ status: 'warn' });
      const stale = await statusWhen(`${now} - interval 8 day`);
      expect(stale).toMatchObject({ status: 'error' });
      expect(stale?.ageSeconds).toBeGreaterThan(8 * 86_400 - 1);

      await file.query('drop table bronze.load_batches');
      const error = await failureOf(dbt.freshness({ signal }));
      expect(error.message).toMatch(/source freshness ended with[\s\S]*load_batches/);
      expect(error.retriable).toBe(false);
    });

    it('names the failed model and the reason, releases the file, and is due again', { tags: ['full'] }, async () => {
      await build();
      await file.query('drop table bronze.raw_genres');
      expect(await failureOf(build())).toMatchObject({
        retriable: false,
        message: expect.stringMatching(/silver_genres: [\s\S]*raw_genres/),
        summary: { status: 'failed', failures: [{ name: 'silver_genres' }] },
      });
      expect(await state()).toMatchObject({ due: true, reason: 'last run failed' });
    });

    it('retries only failed nodes and the nodes skipped because of them, and does not count that as a complete build', {
      tags: ['full'],
    }, async () => {
      expect(await retry()).toMatchObject({ status: 'nothing to retry' });
      await file.load(1, [movie(1)]);
      const { models, tests } = await build();
      expect(await retry()).toMatchObject({ status: 'nothing to retry' });

      await file.load(2, [movie(2)]);
      await file.query('alter table bronze.raw_genres rename to away');
      const { summary } = await failureOf(build());
      await file.load(3, [movie(3)]);
      // Not fixed yet: it fails again, and can be retried again.
      expect((await failureOf(retry())).summary).toMatchObject({ models: 0, failures: [{ name: 'silver_genres' }] });
      await file.query('alter table bronze.away rename to raw_genres');
      const retried = await retry();
      expect(retried.models + (summary?.models ?? 0)).toBe(models);
      expect(retried.tests.passed + (summary?.tests.passed ?? 0)).toBe(tests.passed);
      expect(await retry()).toMatchObject({ status: 'nothing to retry' });

      expect(await runs()).toEqual([
        { command: 'build', is_complete: true, status: 'success', run_seq: '1' },
        { command: 'build', is_complete: true, status: 'failed', run_seq: '2' },
        { command: 'retry', is_complete: false, status: 'failed', run_seq: '2' },
        { command: 'retry', is_complete: false, status: 'success', run_seq: '2' },
      ]);
      // The batch that arrived in between is sealed by the next build, whose tests read the movies of both batches.
      expect(await state()).toMatchObject({ due: true, fullRefresh: false });
      expect(await build()).toMatchObject({ status: 'success', tests });
      expect(await file.query('select movie_id from gold.fact_movies order by movie_id')).toEqual(
        [1, 2, 3].map((id) => ({ movie_id: `${id}` })),
      );
      expect(await state()).toMatchObject({ due: false });
      await sameAsFullRefresh();
    });

    it('stops on an abort, releases the file, and resumes', { tags: ['full'] }, async () => {
      await file.load(1, [movie(1)]);
      const controller = new AbortController();
      const stopped = file.run(dbt, {
        vars,
        signal: controller.signal,
        onProgress: () => controller.abort(new Error('enough')),
      });
      await expect(stopped).rejects.toThrow('enough');
      expect(await file.query('select 1 as free')).toEqual([{ free: 1 }]);
      await expect(file.run(dbt, { signal: controller.signal })).rejects.toThrow('enough');
      // An aborted run has no results: there is nothing to retry.
      expect(await retry()).toMatchObject({ status: 'nothing to retry' });
      expect(await build()).toMatchObject({ status: 'success' });
    });

    it('marks a file in use as a transient failure, and then opens it', async () => {
      const buildOne = () => file.run(dbt, { vars, command: 'run', select: ['stg_movies'] });
      expect(await file.whileOpen(() => failureOf(buildOne()))).toMatchObject({ retriable: true, summary: null });
      expect(await buildOne()).toMatchObject({ status: 'success' });
      expect(await file.whileOpen(() => failureOf(dbt.freshness({ signal })))).toMatchObject({ retriable: true });
    });

    it('reports the mistake in a project that cannot be parsed, and parses it again after it is fixed', {
      tags: ['full'],
    }, async () => {
      await using copy = await file.copyOfProject();
      await using other = open({ ...file.place(), projectDir: copy.dir });
      await file.run(other, { vars });
      const model = join(copy.dir, 'models/gold/dim_genres.sql');
      const sql = await readFile(model, 'utf8');
      await writeFile(model, `${sql} {{ no_such_macro() }}`);
      expect((await failureOf(file.run(other, { vars }))).message).toMatch(/no_such_macro/);
      await writeFile(model, sql.replace("'Unknown'", "'Not known'"));
      await file.run(other, { vars });
      expect(await file.query('select genre_name from gold.dim_genres')).toEqual([{ genre_name: 'Not known' }]);
    });

    it('uses the variables of each run', { tags: ['full'] }, async () => {
      await file.load(1, [movie(1), movie(2)]);
      const ranked = async (top: number) => {
        await file.run(dbt, { vars: { ...vars, top_movies: top } });
        return await file.query(`select count(*) as n from gold.kpi_top_movies where metric = 'popularity'`);
      };
      const popular = (id: number) => ({
        movieId: id,
        body: { id, title: 'x', status: 'Released', popularity: id },
        fetchedAt: 5,
      });
      await file.load(2, [popular(1), popular(2)]);
      expect(await ranked(1)).toEqual([{ n: '1' }]);
      expect(await ranked(2)).toEqual([{ n: '2' }]);
    });
  });
}
