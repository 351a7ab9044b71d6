import { execFileSync } from 'node:child_process';
import { readdirSync, readlinkSync } from 'node:fs';
import type { Service } from './fleet.ts';
import { SupervisedService } from './supervised-service.ts';
import type { TestBed } from './test-bed.ts';

/** A stage that is killed and restarted, with functions that tell whether a kill can lose work. */
export interface StageUnderKills {
  readonly supervised: SupervisedService;
  /** Whether this process has worked since its start or is working now. Only then does a kill count. */
  isAtWork(service: Service): boolean | Promise<boolean>;
  /** The process to kill; 0 if it does not exist at the moment. @default the process of the service */
  victimOf?(service: Service): number;
  /** The maximum random delay of a kill after the stage has begun to work, so that the kills of all stages take about the same time. */
  readonly withinMs: number;
}

/** Endless walks of the popular list. */
export function producerUnderKills({ fleet, asked }: TestBed, args: readonly string[]): StageUnderKills {
  let pages = 0;
  asked.on('request', ({ path }) => {
    if (path.startsWith('/3/movie/popular')) pages += 1;
  });
  const pagesAtStart = new WeakMap<Service, number>();
  return {
    supervised: new SupervisedService(fleet, 'producer-popular', ['produce', 'popular', ...args]),
    withinMs: 16_000,
    isAtWork: (producer) => {
      if (!pagesAtStart.has(producer)) pagesAtStart.set(producer, pages);
      return pages > (pagesAtStart.get(producer) ?? 0);
    },
  };
}

export const fetcherUnderKills = ({ fleet }: TestBed): StageUnderKills => ({
  supervised: new SupervisedService(fleet, 'fetcher', ['fetch']),
  withinMs: 30_000,
  isAtWork: async (fetcher) => (await fetcher.metric('tmdb_movies_total')) > 0,
});

export const loaderUnderKills = ({ fleet }: TestBed): StageUnderKills => ({
  supervised: new SupervisedService(fleet, 'loader', ['load']),
  withinMs: 1_000,
  isAtWork: ({ lines }) => lines.some(({ msg, rows }) => msg === 'batch loaded' && rows !== 0),
});

/**
 * Kills dbt's process and its scheduler, one after the other. One kill in four waits for a finished build, so that readers get a
 * new GOLD now and then. Otherwise the kills would not affect them.
 */
export function schedulerUnderKills({ fleet, workspace }: TestBed): StageUnderKills {
  let kills = 0;
  return {
    supervised: new SupervisedService(fleet, 'scheduler', ['schedule']),
    withinMs: 1_500,
    isAtWork: (scheduler) =>
      (kills % 4 !== 0 || hasBuilt(scheduler)) && hasOpen(dbtOf(scheduler), workspace.duckdbPath),
    victimOf: (scheduler) => (kills++ % 2 === 0 ? dbtOf(scheduler) : scheduler.pid),
  };
}

const hasBuilt = ({ lines }: Service): boolean => lines.some(({ msg }) => msg === 'dbt ran');

/** The process that runs its dbt commands; 0 if there is none. */
export function dbtOf({ pid }: Service): number {
  try {
    return Number(execFileSync('pgrep', ['-P', String(pid)], { encoding: 'utf8' }).split('\n')[0]);
  } catch {
    // pgrep found none.
    return 0;
  }
}

/** Whether a process has a file open at the moment. */
export function hasOpen(pid: number, path: string): boolean {
  if (pid === 0) return false;
  try {
    if (process.platform !== 'linux') {
      return execFileSync('lsof', ['-a', '-p', String(pid), path], { encoding: 'utf8' }) !== '';
    }
    return readdirSync(`/proc/${pid}/fd`).some((fd) => linkOf(`/proc/${pid}/fd/${fd}`) === path);
  } catch {
    // The process is gone, or lsof found nothing.
    return false;
  }
}

function linkOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return '';
  }
}
