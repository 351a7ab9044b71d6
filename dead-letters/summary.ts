import type { KafkaCluster } from '../kafka/cluster.ts';
import type { Logger } from '../runtime/logger.ts';
import type { DryRunResult } from './dry-run.ts';
import { dryRun, type RedriveOptions } from './redrive.ts';
import { type Letter, readLetters } from './store.ts';

/** The open letters with one reason and one topic of origin. */
export interface LetterGroup {
  readonly reason: string;
  readonly topic: string;
  readonly open: number;
  readonly oldestFailedAt: Date;
  readonly newestFailedAt: Date;
  /** How many of them have each outcome if they are sent back now. */
  readonly outcomes: Readonly<Partial<Record<DryRunResult['outcome'], number>>>;
  /** Why one of those is parked again or refused; null if none is. */
  readonly why: string | null;
  /** Older letters, for which nothing was simulated. */
  readonly notSimulated: number;
}

/** The newest letters for which a redrive is simulated. More would take too long for a page. */
const mostSimulated = 200;

/** As `dead-letters redrive` without an option. */
const maxReplays = 3;

/** Reads the open letters, and simulates a redrive of the newest ones. Writes nothing but a temporary file. @throws KafkaError. */
export async function summarizeOpenLetters(
  kafka: KafkaCluster,
  log: Logger,
  { maxAnswerAgeMs, signal }: Pick<RedriveOptions, 'maxAnswerAgeMs' | 'signal'>,
): Promise<LetterGroup[]> {
  const open = (await readLetters(kafka, log)).filter(({ isOpen }) => isOpen);
  const newest = open.slice(-mostSimulated);
  const { simulated } = await dryRun({ kafka, onProgress: () => {} }, newest, { maxReplays, maxAnswerAgeMs, signal });
  return summarize(open, simulated);
}

/** Groups letters by reason and topic, the largest group first. @param results of some of them. */
export function summarize(letters: readonly Letter[], results: readonly DryRunResult[]): LetterGroup[] {
  const resultOf = new Map(results.map((result) => [result.id, result]));
  const groups = Map.groupBy(letters, ({ reason, originTopic }) => `${reason} ${originTopic}`);
  return [...groups.values()].flatMap((own) => groupOf(own, resultOf)).toSorted((a, b) => b.open - a.open);
}

function groupOf(letters: readonly Letter[], resultOf: ReadonlyMap<string, DryRunResult>): LetterGroup[] {
  const [first] = letters;
  if (!first) return [];
  const found = letters.flatMap(({ id }) => resultOf.get(id) ?? []);
  const times = letters.map(({ failedAt }) => failedAt.getTime());
  const outcomes: Partial<Record<DryRunResult['outcome'], number>> = {};
  for (const { outcome } of found) outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
  return [
    {
      reason: first.reason,
      topic: first.originTopic,
      open: letters.length,
      // Not by spreading: there may be more letters than a call takes arguments.
      oldestFailedAt: new Date(times.reduce((a, b) => Math.min(a, b))),
      newestFailedAt: new Date(times.reduce((a, b) => Math.max(a, b))),
      outcomes,
      why: found.find(({ why }) => why !== undefined)?.why ?? null,
      notSimulated: letters.length - found.length,
    },
  ];
}
