import { examine } from '../pipeline/doctor.ts';
import { ExitCode } from '../runtime/errors.ts';
import { type Command, jsonOption, print } from './command.ts';

export const doctor: Command = {
  summary: 'try everything that a run needs and say what is wrong',
  help: `usage: doctor [--json]

Tries Node, dbt, each place that is written, Kafka, its topics, the warehouse, the token bucket and TMDb (one request) with
the settings of now. Creates missing folders, and changes nothing else. Exit code 1 when something is wrong; a warning
loses nothing and is none.`,
  options: jsonOption,
  writes: [],
  logLevel: 'silent',
  run: async (context, values) => {
    const findings = await examine(context);
    const width = Math.max(...findings.map(({ check }) => check.length));
    const lines = findings.map(
      ({ check, ok, isWarning, detail }) =>
        `${isWarning ? 'warn ' : ok ? 'ok   ' : 'WRONG'}  ${check.padEnd(width)}  ${detail}`,
    );
    print(values, findings, lines.join('\n'));
    return findings.every(({ ok }) => ok) ? ExitCode.done : ExitCode.failed;
  },
};
