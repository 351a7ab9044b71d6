import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { SandboxStats } from '../../sandbox/stats.ts';
import { audit } from '../support/audit/audit.ts';
import { type Disks, faults, volumesOn } from '../support/containers/faults.ts';
import { Fleet } from '../support/containers/fleet.ts';
import { SmallDisk } from '../support/warehouse/warehouse-disk.ts';

const settings = {
  COMPOSE_PROJECT_NAME: 'tmdb-faults',
  SANDBOX_MOVIES: '200',
  TMDB_RATE_LIMIT: '200/10s',
  TRANSFORM_SCHEDULE: '*/10 * * * * *',
};

describe('the fleet under faults', () => {
  let disks: Disks;
  let fleet: Fleet;
  /** The counts of all sandboxes: a killed sandbox starts its counts again. */
  const counted: SandboxStats[] = [];

  beforeAll(async () => {
    disks = { warehouse: new SmallDisk(128), kafka: new SmallDisk(512) };
    fleet = new Fleet({ ...settings, COMPOSE_FILE: 'docker-compose.yml:disks.yml' });
    writeFileSync(join(fleet.folder, 'disks.yml'), volumesOn(disks));
    await fleet.must('docker compose up -d --wait');
    await fleet.untilDrained();
  });

  afterAll(async () => {
    await fleet[Symbol.asyncDispose]();
    disks.warehouse[Symbol.dispose]();
    disks.kafka[Symbol.dispose]();
  });

  /** Each container with the number of its restarts by Docker, such as `fetcher-1 2`. */
  const restarts = async () =>
    (await fleet.inspect('{{.Name}} {{.RestartCount}}')).map((line) => line.replace(/^\/tmdb-faults-/, ''));

  it.each(faults)('recovers: $what', async ({ inject }) => {
    await fleet.work();
    counted.push(await fleet.sandboxStats());
    const before = await restarts();
    const started = performance.now();
    await inject(fleet, disks);
    const ended = performance.now();
    await fleet.untilDrained();
    await fleet.untilHealthy();
    const grown = (await restarts()).filter((line) => !before.includes(line) && !line.endsWith(' 0'));
    const seconds = (ms: number) => `${(ms / 1_000).toFixed(0)} s`;
    const line = `fault ${seconds(ended - started)}, healed ${seconds(performance.now() - ended)} later`;
    process.stdout.write(`  ${line}; restarted by Docker: ${grown.join(', ') || 'none'}\n`);
  });

  it('has lost and duplicated nothing, and has kept the limit', async () => {
    await fleet.untilBuilt();
    counted.push(await fleet.sandboxStats());
    await fleet.must('docker compose stop');
    const place = mkdtempSync(join(tmpdir(), 'tmdb-stream-audit-'));
    try {
      mkdirSync(join(place, 'kafka'));
      cpSync(join(disks.kafka.path, 'log'), join(place, 'kafka/log'), { recursive: true });
      cpSync(disks.warehouse.path, place, { recursive: true });
      const report = await audit({ dataDir: place, duckdbPath: join(place, 'tmdb.duckdb') });
      process.stdout.write(`  audit: 0 lost, 0 doubled: ${JSON.stringify(report)}\n`);
      expect(report).toMatchObject({ parked: 0, alive: 200 });
    } finally {
      rmSync(place, { recursive: true });
    }
    for (const { maxInAnyWindow, byStatus } of counted) {
      expect(maxInAnyWindow).toBeLessThanOrEqual(200);
      expect(byStatus['429']).toBeUndefined();
    }
  });
});
