/** Commands of dbt 1.11 that do not open the warehouse. */
const offline = ['clean', 'deps', 'init', 'list', 'ls', 'parse'];
/** Commands that do. */
const online = [
  ...['build', 'clone', 'compile', 'debug', 'docs', 'retry', 'run', 'run-operation'],
  ...['seed', 'show', 'snapshot', 'source', 'test'],
];

/**
 * Whether dbt will open the warehouse with these arguments. Options, which may have values, can precede the command. If the command is
 * unknown, the answer is yes, because a lease that is not needed does no harm.
 */
export function opensWarehouse(args: readonly string[]): boolean {
  const command = args.find((arg) => offline.includes(arg) || online.includes(arg));
  // A web server, which reads files only and may run for hours.
  if (command === 'docs' && args.includes('serve')) return false;
  return command === undefined ? args.some((arg) => !arg.startsWith('-')) : online.includes(command);
}

/** The value of the option `--target-path`; undefined if it is absent. */
export function targetPathIn(args: readonly string[]): string | undefined {
  const at = args.findIndex((arg) => arg === '--target-path' || arg.startsWith('--target-path='));
  return at === -1 ? undefined : (args[at]?.split('=', 2)[1] ?? args[at + 1]);
}
