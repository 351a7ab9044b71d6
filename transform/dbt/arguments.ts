import { join } from 'node:path';
import type { DbtEnvironment, DbtRun, Vars } from './dbt.ts';

/** Where commands write their results, inside the work folder. */
export const targetDir = ({ workDir }: DbtEnvironment): string => join(workDir, 'target');

/** Where a retry finds the results of the failed run. */
export const retryDir = ({ workDir }: DbtEnvironment): string => join(workDir, 'retry');

const globals = ['--log-format', 'json', '--log-level', 'info', '--log-level-file', 'none', '--no-use-colors'];

const common = (place: DbtEnvironment, vars: Vars | undefined): string[] => [
  ...['--project-dir', place.projectDir, '--profiles-dir', place.projectDir],
  ...['--target-path', targetDir(place), '--log-path', join(place.workDir, 'logs')],
  ...(vars ? ['--vars', JSON.stringify(vars)] : []),
];

export function runArguments(place: DbtEnvironment, options: DbtRun): string[] {
  const { command, fullRefresh, empty, unitTests, select, vars } = options;
  if (command === 'retry') return [...globals, command, ...common(place, vars), '--state', retryDir(place)];
  return [
    ...globals,
    command,
    ...common(place, vars),
    ...(command !== 'run' && !unitTests ? ['--exclude-resource-types', 'unit_test'] : []),
    ...(fullRefresh && command !== 'test' ? ['--full-refresh'] : []),
    ...(empty && command !== 'test' ? ['--empty'] : []),
    ...(select ? ['--select', ...select] : []),
  ];
}

export const freshnessArguments = (place: DbtEnvironment, vars: Vars | undefined): string[] => [
  ...globals,
  ...['source', 'freshness'],
  ...common(place, vars),
];

export const parseArguments = (place: DbtEnvironment, vars: Vars | undefined): string[] => [
  ...globals,
  'parse',
  ...common(place, vars),
];
