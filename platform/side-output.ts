import { messageOf } from '../runtime/errors.ts';
import type { Health } from '../runtime/health.ts';
import type { Context } from './platform.ts';

/** An output beside the main flow, such as the copy of GOLD for readers. Its failures stop nothing: they are shown, and tried again. */
export interface SideOutput {
  /** null after it was written; else why it could not be. */
  report(failure: Error | null): void;
  /** The last report. */
  readonly failure: Error | null;
}

const outputs = new WeakMap<Health, Map<string, SideOutput>>();

/** The one of this name in this process, which its health stands for. */
export function sideOutput(context: Context, name: string): SideOutput {
  const ofProcess = outputs.get(context.health) ?? new Map<string, SideOutput>();
  outputs.set(context.health, ofProcess);
  const output = ofProcess.get(name) ?? createSideOutput(context, name);
  ofProcess.set(name, output);
  return output;
}

/** While it fails: not ready, with the reason; a gauge; one warning for each reason, and one line when it works again. */
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
        log.warn({ output, error: messageOf(next) }, 'cannot be written, trying again; everything else continues');
      }
      if (!next && failure) log.info({ output }, 'is written again');
      failure = next;
      metrics.sideOutputFailing.set({ output }, next ? 1 : 0);
    },
  };
}
