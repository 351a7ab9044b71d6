import { InterruptedError } from './exec.ts';

/**
 * Runs a command's body. A mistake in its arguments is printed without a stack, with exit code 2; a signal that ended it
 * gives the exit code that belongs to the signal.
 */
export async function withUsage(usage: string, body: () => Promise<void>): Promise<void> {
  try {
    await body();
  } catch (error) {
    if (error instanceof InterruptedError) {
      process.stderr.write(`${error.message}\n`);
      process.exitCode = error.exitCode;
    } else if (error instanceof RangeError || (error instanceof TypeError && 'code' in error)) {
      process.stderr.write(`${error.message}\nusage: ${usage}\n`);
      process.exitCode = 2;
    } else throw error;
  }
}
