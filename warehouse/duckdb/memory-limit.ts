import { totalmem } from 'node:os';

/**
 * The `memory_limit` of one DuckDB: `mostMb` (megabytes), or 50 % of the memory of this machine or container if that is
 * less. The rest is for the process itself and for memory that DuckDB does not count. Above its limit DuckDB writes to disk; above the
 * container's limit the kernel kills the process.
 * @param availableBytes of this machine or container.
 */
export function memoryLimit(mostMb: number, availableBytes = availableMemory()): string {
  return `${Math.min(mostMb, Math.floor(availableBytes / 2 / 1e6))}MB`;
}

/** Without a limit, Node returns 0 or a number larger than any machine's memory. */
const availableMemory = (): number => Math.min(process.constrainedMemory() || Number.POSITIVE_INFINITY, totalmem());
