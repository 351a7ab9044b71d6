import type { Command } from './command.ts';
import { deadLetters } from './dead-letters.ts';
import { doctor } from './doctor.ts';
import { repair } from './repair.ts';
import { replay } from './replay.ts';
import { run } from './run.ts';
import { sandbox } from './sandbox.ts';
import { fetch, load, produce, schedule, transform } from './stages.ts';
import { status } from './status.ts';
import { topics } from './topics.ts';
import { warehouse } from './warehouse.ts';

/** Every word of the command line, in the order in which the overview shows them. */
export const commands: Readonly<Record<string, Command>> = {
  run,
  produce,
  fetch,
  load,
  transform,
  schedule,
  status,
  replay,
  repair,
  'dead-letters': deadLetters,
  topics,
  warehouse,
  doctor,
  sandbox,
};
