import type { z } from 'zod';
import type { Config } from '../../platform/config.ts';
import type { Context } from '../../platform/context.ts';
import type { Written } from '../../platform/places.ts';
import type { ServiceName } from '../../runtime/service-names.ts';
import type { Flag, OptionDefinitions, OptionsOf } from './option.ts';

/** What a command does. @returns the exit code. @throws IngestError with one. */
type Action<Options> = (context: Context, options: Options) => Promise<number>;

/** A program that must be installed before a command can do its work. */
export type Tool = 'dbt' | 'kafka' | 'redis';

/** When a command ends with an exit code that not every command has: the codes 1, 4 and 5. */
export type Exits = Readonly<Partial<Record<1 | 4 | 5, string>>>;

/** Imports the shape of the JSON that a command prints. */
type LoadShape = () => Promise<z.ZodType>;

/** The description of a command, independent of the types of its options. */
interface Described {
  readonly name: string;
  /** One line for the list of commands. */
  readonly summary: string;
  /** What it does, as paragraphs without line breaks. */
  readonly description: readonly string[];
  /** Complete command lines without the program's name, each with what it does. */
  readonly examples: readonly (readonly [args: string, does: string])[];
  /** Completes "exit code N if ...". */
  readonly exits?: Exits;
  /** What it writes on this machine. Write access is checked before it starts. */
  readonly writes?: readonly Written[];
  /** Programs that it starts. With KAFKA_BROKERS only dbt is needed. No Redis is needed if one is installed. */
  readonly tools?: readonly Tool[];
  /** The service that it runs; its log has that name. Absent: it is a command for a person. */
  readonly service?: ServiceName;
  /** How much is logged when LOG_LEVEL is not set. @default `info` for a service, else `warn` */
  readonly logLevel?: NonNullable<Config['logLevel']>;
}

/** A command with `--json` has a shape, and no other command has one. */
type Printing<D extends OptionDefinitions> = D extends { readonly json: Flag }
  ? { readonly shape: LoadShape }
  : { readonly shape?: never };

interface Specification<D extends OptionDefinitions> extends Described {
  readonly options: D;
  /** @param now milliseconds since the epoch. @throws UsageError for conflicting options. */
  check?(options: OptionsOf<D>, now: number): void;
  /** Whether it runs until it is stopped. If so, a signal is its normal end, and it logs instead of showing progress. */
  isService?(options: OptionsOf<D>): boolean;
  /** Whether it opens no warehouse, and so needs no account and no credentials. */
  isOffline?(options: OptionsOf<D>): boolean;
  /** Imports the code of the command. Only the command that runs is imported. */
  load(): Promise<Action<OptionsOf<D>>>;
}

/** The commands of the command line, in the order in which the help shows them. */
export type Entries = readonly (Command | CommandGroup)[];

/** A command of the command line that can be run. */
export interface Command extends Described {
  readonly options: OptionDefinitions;
  /** What it prints with `--json`; absent if it does not have that option. */
  readonly shape?: LoadShape;
  /** The output of a command that only prints text about the command line. Such a command needs no settings. */
  text?(options: Readonly<Record<string, unknown>>, entries: Entries): string;
  /**
   * @param options a value for each option. @param now milliseconds since the epoch, from which ages are counted.
   * @throws UsageError for conflicting options.
   */
  invoke(options: Readonly<Record<string, unknown>>, now: number): Invocation;
}

/** Commands that share their first word. */
export interface CommandGroup extends Pick<Described, 'name' | 'summary' | 'description' | 'examples'> {
  readonly commands: readonly Command[];
}

/** A command with its options, ready to run. */
export interface Invocation {
  readonly options: Readonly<Record<string, unknown>>;
  readonly isService: boolean;
  readonly isOffline: boolean;
  /** Whether it prints JSON. */
  readonly isJson: boolean;
  readonly writes: readonly Written[];
  readonly tools: readonly Tool[];
  readonly logLevel: Config['logLevel'];
  readonly service: ServiceName | undefined;
  run(context: Context): Promise<number>;
}

/** Makes a command from its options and its code, whose types must agree. */
export function defineCommand<const D extends OptionDefinitions>(
  specification: Specification<D> & Printing<D>,
): Command {
  const { check, isService, isOffline, load, writes = [], tools = [], logLevel, service } = specification;
  return {
    ...specification,
    invoke: (given, now) => {
      // The parser provides a value for each definition, parsed by the type of that definition.
      const options = given as OptionsOf<D>;
      check?.(options, now);
      return {
        options: given,
        isService: isService?.(options) ?? false,
        isOffline: isOffline?.(options) ?? false,
        isJson: given['json'] === true,
        ...{ writes, tools, logLevel, service },
        run: async (context) => (await load())(context, options),
      };
    },
  };
}

interface Printer<D extends OptionDefinitions> extends Omit<Described, 'writes' | 'tools' | 'logLevel' | 'service'> {
  readonly options: D;
  text(options: OptionsOf<D>, entries: Entries): string;
}

/** Makes a command that only prints text about the command line. */
export function definePrinter<const D extends OptionDefinitions>(printer: Printer<D>): Command {
  return {
    ...printer,
    text: (given, entries) => printer.text(given as OptionsOf<D>, entries),
    invoke: () => {
      throw new Error(`${printer.name} only prints text`);
    },
  };
}

export const isGroup = (entry: Command | CommandGroup): entry is CommandGroup => 'commands' in entry;

/** Every command that can be run, with its words, such as `replay raw`. */
export const commandsOf = (entries: Entries): readonly (readonly [words: string, command: Command])[] =>
  entries.flatMap((entry) =>
    isGroup(entry)
      ? entry.commands.map((command) => [`${entry.name} ${command.name}`, command] as const)
      : [[entry.name, entry] as const],
  );
