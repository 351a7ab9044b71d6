/** How long (ms) a process may take to end by itself. */
const lingerMs = 3_000;

/**
 * Ends the process with this code when its event loop is empty. Everything is closed by now, so a handle that a library leaves open,
 * such as one of kafkajs after the loss of a broker, delays the end by `lingerMs` only. Output that a slow reader has not taken yet is kept.
 */
export function endProcess(code: number): void {
  process.exitCode = code;
  const end = () => {
    if (process.stdout.writableLength === 0) process.exit();
  };
  setInterval(end, lingerMs).unref();
}
