import { setTimeout as delay } from 'node:timers/promises';
import { until } from './fleet.ts';
import type { StageUnderKills } from './stages-under-kills.ts';

/** How long a service may take from its start to its first work: it waits for the file lock, and for the leases of killed processes. */
const idleMs = 120_000;

/**
 * Kills a stage `kills` times with SIGKILL, each time at a random moment after it has begun to work. It is restarted at once.
 * @param onKill is called before each kill, with the process. @throws Error if a process ends by itself, or never begins to work.
 */
export async function killAgainAndAgain(
  stage: StageUnderKills,
  kills: number,
  random: () => number,
  onKill: (pid: number) => void,
): Promise<void> {
  if (kills === 0) return;
  const { supervised } = stage;
  for (let killed = 0; killed < kills; ) {
    await untilAtWork(stage);
    await delay(Math.round(random() * stage.withinMs));
    const { service } = supervised;
    const victim = stage.victimOf?.(service) ?? service.pid;
    if (victim === 0 || !service.isRunning) continue;
    onKill(victim);
    if (victim === service.pid) await supervised.kill();
    else process.kill(victim, 'SIGKILL');
    killed += 1;
  }
  await untilAtWork(stage);
}

const untilAtWork = ({ supervised, isAtWork }: StageUnderKills): Promise<void> =>
  until(
    `${supervised.name} is at work`,
    async () => supervised.service.isRunning && (await isAtWork(supervised.service)),
    {
      timeoutMs: idleMs,
      pollMs: 100,
      check: () => {
        const [death] = supervised.deaths;
        if (death) throw new Error(`it ended by itself, with ${death.code}\n${death.tail}`);
      },
    },
  );
