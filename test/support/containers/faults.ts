import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { SmallDisk } from '../warehouse/warehouse-disk.ts';
import { run } from './command.ts';
import { type Fleet, until } from './fleet.ts';

/** The disks of the fleet, which the test can fill. */
export interface Disks {
  readonly warehouse: SmallDisk;
  readonly kafka: SmallDisk;
}

/** A failure of a container, a network or a disk, with the repair if Docker does not repair it. */
export interface Fault {
  readonly what: string;
  /** Injects the fault while work is in flight, and ends it. If it throws, the test fails. */
  readonly inject: (fleet: Fleet, disks: Disks) => Promise<void>;
}

/** The duration of a fault that does not end by itself. */
const lastsMs = 15_000;

const docker = (...args: readonly string[]) => run('docker', args);

/** Ends a container as a crash would: unlike `docker kill`, after which Docker does not restart it. */
async function killContainers(fleet: Fleet, ...services: readonly string[]): Promise<void> {
  for (const pid of await fleet.inspect('{{.State.Pid}}', ...services))
    if (Number(pid) > 0) process.kill(Number(pid), 'SIGKILL');
}

const killed = (...services: readonly string[]): Fault => ({
  what: `SIGKILL of ${services.join(', ')}`,
  inject: (fleet) => killContainers(fleet, ...services),
});

const paused = (service: string): Fault => ({
  what: `${service} paused`,
  inject: async (fleet) => {
    const ids = await fleet.containers(service);
    await docker('pause', ...ids);
    await delay(lastsMs);
    await docker('unpause', ...ids);
  },
});

const cutOff = (service: string): Fault => ({
  what: `${service} disconnected from its network`,
  inject: async (fleet) => {
    const network = `${fleet.env['COMPOSE_PROJECT_NAME']}_inside`;
    const ids = await fleet.containers(service);
    for (const id of ids) await docker('network', 'disconnect', network, id);
    await delay(lastsMs);
    for (const id of ids) await docker('network', 'connect', '--alias', service, network, id);
  },
});

const starvedOfMemory: Fault = {
  what: 'the loader out of memory',
  inject: async (fleet) => {
    const [id = ''] = await fleet.containers('loader');
    // The container is stopped meanwhile, because cgroup v1 refuses a limit below the memory in use.
    await docker('stop', id);
    await docker('update', '--memory', '32m', '--memory-swap', '32m', id);
    await docker('start', id);
    const killed = async () => Number((await fleet.inspect('{{.RestartCount}}', 'loader'))[0]) > 0;
    await until('the kernel kills the process', 90_000, async () => (await killed()) || 'it is running');
    await docker('update', '--memory', '1g', '--memory-swap', '2g', id);
  },
};

const starvedOfCpu: Fault = {
  what: 'the fetchers short of CPU',
  inject: async (fleet) => {
    const ids = await fleet.containers('fetcher');
    await docker('update', '--cpus', '0.05', ...ids);
    await delay(lastsMs);
    await docker('update', '--cpus', '1', ...ids);
  },
};

/** Fills the rest of a disk. */
function fill(disk: SmallDisk): Disposable {
  const file = join(disk.path, 'not-ours');
  const chunk = Buffer.alloc(1 << 16, 1);
  try {
    for (;;) writeFileSync(file, chunk, { flag: 'a' });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
  }
  return { [Symbol.dispose]: () => rmSync(file) };
}

const fullWarehouse: Fault = {
  what: 'the disk of the warehouse full',
  inject: async (fleet, { warehouse }) => {
    // Without new rows the scheduler builds nothing, and without answers the loader writes nothing: both get work that waits.
    await fleet.must('docker compose stop scheduler');
    await fleet.untilDrained();
    const fetchers = await fleet.containers('fetcher');
    await docker('pause', ...fetchers);
    await fleet.work();
    {
      using _full = fill(warehouse);
      await docker('unpause', ...fetchers);
      await until('the log says to make room', 60_000, async () => {
        const log = await fleet.must('docker compose logs --no-log-prefix --since 1m loader');
        return /no space left on its disk; make room/.test(log) || log;
      });
      await fleet.must('docker compose start scheduler');
      await until('the scheduler is not ready, and says why', 120_000, async () => {
        const { ok, checks } = await fleet.ready('scheduler');
        return (!ok && /no space left/.test(JSON.stringify(checks))) || JSON.stringify(checks);
      });
    }
  },
};

const fullKafka: Fault = {
  what: 'the disk of Kafka full',
  inject: async (fleet, { kafka }) => {
    {
      using _full = fill(kafka);
      // A broker whose only log folder fails ends itself, and cannot start before there is room.
      await delay(lastsMs);
    }
    await fleet.untilHealthy();
  },
};

const emptyKafka: Fault = {
  what: 'Kafka restarted with an empty disk',
  inject: async (fleet, { kafka }) => {
    await fleet.untilDrained();
    await fleet.must('docker compose stop kafka');
    for (const entry of ['log', 'lost+found']) rmSync(join(kafka.path, entry), { recursive: true, force: true });
    await fleet.must('docker compose up -d --wait kafka');
    // The first process to start creates its topics; the walk finds the movies again.
    await fleet.must('docker compose restart producer-popular producer-genres');
    await until('the movies are published again', 120_000, async () => {
      const { topics } = await fleet.status();
      const records = topics.find(({ topic }) => topic === 'tmdb.movie-ids')?.records ?? 0;
      return records > 0 || JSON.stringify(topics);
    });
  },
};

export const faults: readonly Fault[] = [
  killed('producer-popular', 'producer-genres', 'fetcher', 'loader', 'scheduler', 'sandbox'),
  killed('kafka'),
  killed('valkey'),
  paused('loader'),
  paused('kafka'),
  cutOff('fetcher'),
  cutOff('kafka'),
  starvedOfMemory,
  starvedOfCpu,
  fullWarehouse,
  fullKafka,
  emptyKafka,
];

/** The file that puts the fleet's volumes on these disks. */
export function volumesOn(disks: Disks): string {
  const volume = (disk: SmallDisk) => ({
    driver: 'local',
    driver_opts: { type: 'none', o: 'bind', device: disk.path },
  });
  return JSON.stringify({ volumes: { warehouse: volume(disks.warehouse), kafka: volume(disks.kafka) } });
}
