/** Runs a command's body. A mistake in its arguments is printed without a stack, with exit code 2. */
export async function withUsage(usage: string, body: () => Promise<void>): Promise<void> {
  try {
    await body();
  } catch (error) {
    const isUsage = error instanceof RangeError || (error instanceof TypeError && 'code' in error);
    if (!isUsage) throw error;
    process.stderr.write(`${error.message}\nusage: ${usage}\n`);
    process.exitCode = 2;
  }
}
