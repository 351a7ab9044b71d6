import { describe, expect, it } from 'vitest';
import { type Fault, parseFaults } from '../../../sandbox/fault.ts';
import { FaultPlan } from '../../../sandbox/faults.ts';

const injectedCount = (plan: FaultPlan, path: string, requests: number) =>
  Array.from({ length: requests }, () => plan.inject(path)).filter(({ effect }) => effect !== null).length;

describe('faults as JSON', () => {
  it.each<Fault[]>([
    [{ kind: 'status', status: 503, rate: 0.05, path: '/movie/' }],
    [
      { kind: 'delay', ms: 2_000 },
      { kind: 'drop', times: 3 },
    ],
    [{ kind: 'status', status: 429, retryAfter: 'date' }],
    [{ kind: 'status', status: 503, code: 9 }],
    [{ kind: 'redirect', location: 'http://127.0.0.1:1/?a=b' }],
    [{ kind: 'bomb', bytes: 10_000_000_000 }],
    [
      { kind: 'bad-items', count: 3, path: '/movie/popular' },
      { kind: 'bad-totals' },
      { kind: 'undeclared-gzip' },
      { kind: 'error-body', code: 34 },
    ],
    [{ kind: 'body', body: '[]', contentType: 'text/plain' }],
    [
      { kind: 'truncate' },
      { kind: 'slow', bytesPerSecond: 100 },
      { kind: 'html' },
      { kind: 'empty' },
      { kind: 'wrong-id' },
    ],
    [],
  ])('read %j', (...faults) => {
    expect(parseFaults(JSON.stringify(faults))).toEqual(faults);
  });

  it('are none in an empty text', () => {
    expect(parseFaults(' \n')).toEqual([]);
  });

  it.each([
    ['{"kind":"status","status":5000}', /0\.status: .*599/],
    ['{"kind":"status","status":503,"code":99}', /0\.code: expected one of TMDb's error codes/],
    ['{"rate":0.5}', /0\.kind: expected a fault whose kind is one of status, delay/],
    ['{"kind":"constructor"}', /expected a fault whose kind is one of status/],
    ['{"kind":"bad-items","count":0}', /0\.count: .*>=1/],
    ['{"kind":"error-body","code":99}', /0\.code: expected one of TMDb's error codes/],
    ['{"kind":"drop","rate":50}', /0\.rate: .*<=1/],
    ['{"kind":"drop","rate":"0.1"}', /0\.rate: .*expected number/],
    ['{"kind":"drop","path":"movie"}', /0\.path: .*start with "\/"/],
    ['{"kind":"drop","times":0}', /0\.times: .*>=1/],
    ['{"kind":"delay"}', /0\.ms: .*expected/],
    ['{"kind":"slow","bytesPerSecond":0}', /0\.bytesPerSecond: .*>=1/],
    ['{"kind":"bomb","bytes":"big"}', /0\.bytes: .*expected/],
    ['{"kind":"drop","retryAfter":"3"}', /Unrecognized key: "retryAfter"/],
  ])('refuse %s', (fault, message) => {
    expect(() => parseFaults(`[${fault}]`)).toThrow(message);
  });

  it('refuse what is not JSON, and what is not a list', () => {
    expect(() => parseFaults('status=503')).toThrow('expected faults as JSON, such as [{"kind":"status"');
    expect(() => parseFaults('{"kind":"drop"}')).toThrow('the list: Invalid input: expected array');
  });

  it('report every mistake at once, as a usage error', () => {
    const error = (() => {
      try {
        return parseFaults('[{"kind":"drop","rate":2},{"kind":"html"},{"kind":"slow","bytesPerSecond":"x"}]');
      } catch (thrown) {
        return thrown as Error;
      }
    })();
    expect(error).toMatchObject({ name: 'UsageError' });
    expect((error as Error).message).toMatch(/2 mistake\(s\)[\s\S]*0\.rate[\s\S]*2\.bytesPerSecond/);
  });
});

describe('a plan of faults', () => {
  it('injects a fault into every request under its path if no rate is given', () => {
    const plan = new FaultPlan([{ kind: 'drop', path: '/movie/' }], 1);
    expect(injectedCount(plan, '/movie/5', 10)).toBe(10);
    expect(injectedCount(plan, '/genre/movie/list', 10)).toBe(0);
  });

  it('injects a fault into its share of requests, the same for the same seed', () => {
    const faults: Fault[] = [{ kind: 'drop', rate: 0.1 }];
    const injections = (seed: number) => {
      const plan = new FaultPlan(faults, seed);
      return Array.from({ length: 10_000 }, () => plan.inject('/movie/1').effect !== null);
    };
    expect(injections(1).filter(Boolean).length).toBeGreaterThan(900);
    expect(injections(1).filter(Boolean).length).toBeLessThan(1_100);
    expect(injections(1)).toEqual(injections(1));
    expect(injections(1)).not.toEqual(injections(2));
  });

  it('injects a fault at most the given number of times', () => {
    expect(injectedCount(new FaultPlan([{ kind: 'html', times: 3 }], 1), '/movie/1', 100)).toBe(3);
  });

  it('can be limited to details', () => {
    const plan = new FaultPlan([{ kind: 'drop', path: '/movie/{id}' }], 1);
    expect(injectedCount(plan, '/movie/550', 1)).toBe(1);
    expect(injectedCount(plan, '/movie/popular', 1)).toBe(0);
  });

  it('injects the first fault that applies, with the delays', () => {
    const plan = new FaultPlan(
      [{ kind: 'delay', ms: 100 }, { kind: 'html', times: 1 }, { kind: 'drop' }, { kind: 'delay', ms: 50, times: 1 }],
      1,
    );
    expect(plan.inject('/movie/1')).toMatchObject({ delayMs: 150, effect: { kind: 'html' } });
    expect(plan.inject('/movie/1')).toMatchObject({ delayMs: 100, effect: { kind: 'drop' } });
  });
});
