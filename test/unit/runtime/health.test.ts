import { describe, expect, it } from 'vitest';
import { Health } from '../../../runtime/health.ts';
import { startHealthServer } from '../../../runtime/health-server.ts';
import { createMetrics } from '../../../runtime/metrics.ts';
import { ManualClock } from '../../support/clock/manual-clock.ts';

const local = { host: '127.0.0.1', port: 0 };

describe('health', () => {
  it('is alive while every part reports progress within its limit', async () => {
    const clock = new ManualClock();
    const health = new Health(clock);
    const beat = health.pulse('loader', 10_000);
    health.pulse('fetcher', 60_000);
    await clock.advance(10_000);
    expect(health.liveness()).toEqual({ ok: true, checks: { loader: 'ok', fetcher: 'ok' } });
    await clock.advance(5_000);
    expect(health.liveness()).toEqual({
      ok: false,
      checks: { loader: 'no progress for 15 s', fetcher: 'ok' },
    });
    beat();
    expect(health.liveness().ok).toBe(true);
  });

  it('is ready if every dependency answers, and otherwise names the dependency and the reason', async () => {
    const health = new Health(new ManualClock());
    health.dependsOn('kafka', async () => {});
    health.dependsOn('warehouse', async () => {});
    expect((await health.readiness()).ok).toBe(true);
    health.dependsOn('warehouse', async () => {
      throw new Error('locked\nby another process');
    });
    expect(await health.readiness()).toEqual({ ok: false, checks: { kafka: 'ok', warehouse: 'locked' } });
  });

  it('counts a dependency as unreachable if it does not answer in time', async () => {
    const clock = new ManualClock();
    const health = new Health(clock);
    health.dependsOn('kafka', () => new Promise(() => {}));
    const verdict = health.readiness();
    await clock.advance(3_000);
    expect(await verdict).toEqual({ ok: false, checks: { kafka: 'no answer within 3 s' } });
  });
});

describe('the health server', () => {
  const get = async (url: string) => {
    const response = await fetch(url);
    return { status: response.status, text: await response.text() };
  };

  it('answers 200 or 503 with its checks, and exposes them to Prometheus', async () => {
    const clock = new ManualClock();
    const health = new Health(clock);
    const metrics = createMetrics('1.2.3');
    await using server = await startHealthServer(local, health, metrics.registry);
    health.pulse('loader', 1_000);
    health.dependsOn('kafka', () => Promise.reject(new Error('gone')));
    metrics.requests.inc({ endpoint: 'movie', outcome: '200' });
    expect(await get(`${server.url}/healthz`)).toEqual({ status: 200, text: '{"ok":true,"checks":{"loader":"ok"}}\n' });
    await clock.advance(2_000);
    expect((await get(`${server.url}/healthz`)).status).toBe(503);
    expect(await get(`${server.url}/readyz`)).toEqual({
      status: 503,
      text: '{"ok":false,"checks":{"kafka":"gone"}}\n',
    });
    const { status, text } = await get(`${server.url}/metrics`);
    expect(status).toBe(200);
    expect(text).toContain('tmdb_requests_total{endpoint="movie",outcome="200"} 1');
    expect(text).toContain('tmdb_build_info{version="1.2.3"');
    expect((await get(`${server.url}/else`)).status).toBe(404);
  });

  it('names an address that it cannot use, as a mistake in the settings', async () => {
    const health = new Health(new ManualClock());
    const { registry } = createMetrics('0');
    await using server = await startHealthServer(local, health, registry);
    const port = Number(new URL(server.url).port);
    await expect(startHealthServer({ host: '127.0.0.1', port }, health, registry)).rejects.toMatchObject({
      name: 'UsageError',
      message: expect.stringContaining(`HTTP_LISTEN: cannot listen on 127.0.0.1:${port}`),
    });
  });
});
