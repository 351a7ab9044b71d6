import { expect, it } from 'vitest';
import { type DbtProgress, LogFollower } from '../../../transform/dbt/log-lines.ts';

const finished = (id: string, total: number) =>
  JSON.stringify({
    info: { level: 'info', msg: 'OK' },
    data: {
      total,
      node_info: {
        unique_id: id,
        node_name: id.split('.').at(-1),
        resource_type: 'model',
        node_finished_at: '2026-01-01',
      },
    },
  });

it('counts each finished node once', () => {
  const seen: DbtProgress[] = [];
  const log = new LogFollower((progress) => seen.push(progress));
  for (const id of ['model.p.a', 'model.p.a', 'model.p.b']) log.take(finished(id, 2));
  expect(seen).toEqual([
    { done: 1, total: 2, node: 'a' },
    { done: 2, total: 2, node: 'b' },
  ]);
});

it('does not count hooks, nor nodes that only started', () => {
  const log = new LogFollower(() => expect.unreachable());
  log.take(finished('operation.p.hook', 1).replace('"model"', '"operation"'));
  log.take(finished('model.p.a', 1).replace('2026-01-01', ''));
});

it('keeps errors of the log, and text that is not a log line', () => {
  const log = new LogFollower(() => {});
  log.take(JSON.stringify({ info: { level: 'error', msg: 'Compilation Error' }, data: {} }));
  log.take('Traceback (most recent call last):');
  log.take('null');
  log.take('');
  expect(log.errors).toBe('Compilation Error\nTraceback (most recent call last):\nnull');
});
