import { commands } from '../../../commands/index.ts';
import { invocationOf } from '../commands/command-line.ts';

/** One way to run a command. */
export interface Way {
  /** As on the command line. */
  readonly name: string;
  readonly args: readonly string[];
  /** Runs until it is stopped. */
  readonly isEndless: boolean;
}

/** The arguments that a command needs, one list for each way to run it. A command that is not listed needs none. */
const argumentsOf: Readonly<Record<string, readonly (readonly string[])[]>> = {
  run: [
    ['--once', '--pages', '1'],
    ['--pages', '1'],
  ],
  produce: [
    ['popular', '--pages', '1'],
    ['popular', '--pages', '1', '--every', '1h'],
    ['changes'],
    ['export'],
    ['genres'],
    ['genres', '--every', '1h'],
  ],
  fetch: [['--once'], []],
  load: [['--once'], []],
  transform: [['--force']],
  schedule: [['--once'], []],
  status: [[], ['--watch']],
  replay: [
    ['ids', '--all'],
    ['raw', '--all'],
    ['raw', '--all', '--rebuild'],
  ],
  ids: [['discard', '--all', '--yes']],
  'dead-letters': [['list'], ['redrive', '--all'], ['purge', '--all', '--yes']],
  topics: [[], ['--apply']],
  warehouse: [['migrate']],
  sandbox: [['--port', '0']],
};

/** Commands that are in no pair, and the reason. */
export const leftOut: Readonly<Record<string, string>> = {
  'dead-letters show': 'reads what "dead-letters list" reads, and needs the id of a letter',
  up: 'runs no stage, and starts what the others of a pair are given: test/e2e/up.test.ts runs stages beside it',
  dashboard: 'opens only the published copy of GOLD: test/integration/dashboard.test.ts publishes beside it',
  completion: 'only prints text about the command line',
  man: 'only prints text about the command line',
  'warehouse adopt-cluster': 'needs records of another cluster: test/integration/adopt-cluster.test.ts has two',
  'warehouse provision': 'needs an account of Snowflake, and opens neither Kafka nor a DuckDB file',
};

/** Commands that run until they are stopped, in addition to the services. */
const endless = ['sandbox', 'status --watch'];

/** Every way to run every command of the command line. New commands are included automatically. */
export const ways: readonly Way[] = commands
  .filter(({ name }) => !Object.hasOwn(leftOut, name))
  .flatMap(({ name: command }) =>
    (argumentsOf[command] ?? [[]]).map((rest) => {
      const args = [command, ...rest];
      const name = args.join(' ');
      const isEndless = invocationOf(args).isService || endless.some((words) => name.startsWith(words));
      return { name, args, isEndless };
    }),
  );

/** Two commands that run side by side; both may be the same command. */
export type Pair = readonly [Way, Way];

export const pairsWith = (name: string): readonly Pair[] => {
  const one = ways.find((way) => way.name === name);
  if (!one) throw new Error(`there is no ${name}`);
  return ways.filter((way) => way !== one).map((way) => [one, way]);
};

export const pairsOfEquals: readonly Pair[] = ways.map((way) => [way, way]);
