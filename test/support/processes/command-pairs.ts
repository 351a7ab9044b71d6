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

/** The arguments that a command needs, one list for each way to run it. A command that is not here runs without any. */
const argumentsOf: Readonly<Record<string, readonly (readonly string[])[]>> = {
  run: [
    ['--once', '--pages', '1'],
    ['--pages', '1'],
  ],
  produce: [
    ['popular', '--pages', '1'],
    ['popular', '--pages', '1', '--every', '1h'],
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
  'dead-letters': [['list'], ['redrive', '--all'], ['purge', '--all', '--yes']],
  topics: [[], ['--apply']],
  warehouse: [['migrate']],
  sandbox: [['--port', '0']],
};

/** Words that are in no pair, and why. */
export const leftOut: Readonly<Record<string, string>> = {
  'dead-letters show': 'reads what "dead-letters list" reads, and needs the id of a letter',
  completion: 'prints a text about the command line, and opens nothing',
  man: 'prints a text about the command line, and opens nothing',
  'warehouse provision': 'needs an account of Snowflake, and opens neither Kafka nor a DuckDB file',
};

/** Those that run until they are stopped, beside the services. */
const endless = ['sandbox', 'status --watch'];

/** Every way to run every command of the command line: a new command is among them by itself. */
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

/** Two that run side by side; the second may be the same once more. */
export type Pair = readonly [Way, Way];

export const pairsWith = (name: string): readonly Pair[] => {
  const one = ways.find((way) => way.name === name);
  if (!one) throw new Error(`there is no ${name}`);
  return ways.filter((way) => way !== one).map((way) => [one, way]);
};

export const pairsOfEquals: readonly Pair[] = ways.map((way) => [way, way]);
