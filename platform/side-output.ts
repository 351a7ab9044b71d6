import { messageOf } from '../runtime/errors.ts';
import type { Health } from '../runtime/health.ts';
import type { Context } from './context.ts';

/** An output beside the main flow, such as the copy of GOLD for readers. A failure stops nothing: it is reported, and the output retried. */
export interface SideOutput {
  /** @param failure null after a successful write; otherwise the reason for the failure. */
  report(failure: Error | null): void;
  /** The last report. */
  readonly failure: Error | null;
}

const copies = new WeakMap<Health, SideOutput>();

/** The published copy of GOLD. Each process, identified by its `Health`, has one. */
export function goldCopy(context: Context): SideOutput {
  const copy = copies.get(context.health) ?? createSideOutput(context, 'gold_copy');
  copies.set(context.health, copy);
  return copy;
}

/** While it fails, the process is not ready and a gauge is 1. Logs one warning for each reason, and one line when it works again. */
function createSideOutput({ health, log, metrics }: Context, output: string): SideOutput {
  let failure: Error | null = null;
  health.dependsOn(output, async () => {
    if (failure) throw failure;
  });
  return {
    get failure() {
      return failure;
    },
    report: (next) => {
      if (next && next.message !== failure?.message) {
        log.warn({ output, error: messageOf(next) }, 'output failed; retrying while everything else continues');
      }
      if (!next && failure) log.info({ output }, 'output works again');
      failure = next;
      metrics.sideOutputFailing.set({ output }, next ? 1 : 0);
    },
  };
}
