import { totalmem } from 'node:os';

/**
 * What one DuckDB may take, as its `memory_limit`: `mostMb` (megabytes), or half of what this machine or container has where that is
 * less. The other half is for the process itself and for what DuckDB does not count. Above its limit DuckDB writes to disk; above the
 * container's limit the kernel kills the process.
 * @param availableBytes of this machine or container.
 */
export function memoryLimit(mostMb: number, availableBytes = availableMemory()): string {
  return `${Math.min(mostMb, Math.floor(availableBytes / 2 / 1e6))}MB`;
}

/** Node answers 0 or a number beyond any machine where no limit is set. */
const availableMemory = (): number => Math.min(process.constrainedMemory() || Number.POSITIVE_INFINITY, totalmem());
