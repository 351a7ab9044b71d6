import { coverage } from './coverage.ts';
import { dashboard } from './dashboard.ts';
import { deadLetters } from './dead-letters.ts';
import { doctor } from './doctor.ts';
import { drift } from './drift.ts';
import { type Command, commandsOf, type Entries } from './engine/command.ts';
import { ids } from './ids.ts';
import { repair } from './repair.ts';
import { replay } from './replay.ts';
import { run } from './run.ts';
import { sandbox } from './sandbox.ts';
import { fetch, load, produce, purge, schedule, transform } from './stages.ts';
import { status } from './status.ts';
import { completion, man } from './texts.ts';
import { topics } from './topics.ts';
import { up } from './up.ts';
import { warehouse } from './warehouse.ts';

/** The first words of the command line, in the order in which the help shows them. */
export const commands: Entries = [
  run,
  up,
  produce,
  fetch,
  load,
  transform,
  schedule,
  purge,
  status,
  coverage,
  drift,
  dashboard,
  replay,
  ids,
  repair,
  deadLetters,
  topics,
  warehouse,
  doctor,
  sandbox,
  completion,
  man,
];

/** Every command that can be run, by its words, such as `replay raw`. */
export const commandsByWords: ReadonlyMap<string, Command> = new Map(commandsOf(commands));
