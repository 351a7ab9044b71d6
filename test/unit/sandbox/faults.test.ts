import { describe, expect, it } from 'vitest';
import { type Fault, FaultPlan } from '../../../sandbox/faults.ts';
import { parseFaults } from '../../../sandbox/parse-faults.ts';

const injectedCount = (plan: FaultPlan, path: string, requests: number) =>
  Array.from({ length: requests }, () => plan.inject(path)).filter(({ effect }) => effect !== null).length;

describe('faults as text', () => {
  it.each<[string, Fault[]]>([
    ['status=503 rate=0.05 path=/movie/', [{ kind: 'status', status: 503, rate: 0.05, path: '/movie/' }]],
    ['rate=0.1 delay=2000', [{ kind: 'delay', ms: 2_000, rate: 0.1 }]],
    [
      'delay=2s; drop times=3;',
      [
        { kind: 'delay', ms: 2_000 },
        { kind: 'drop', times: 3 },
      ],
    ],
    ['status=429 retry-after=date', [{ kind: 'status', status: 429, retryAfter: 'date' }]],
    ['status=503 code=9', [{ kind: 'status', status: 503, code: 9 }]],
    ['redirect=http://127.0.0.1:1/?a=b', [{ kind: 'redirect', location: 'http://127.0.0.1:1/?a=b' }]],
    ['bomb=10GB', [{ kind: 'bomb', bytes: 10_000_000_000 }]],
    [
      'bad-items=3 path=/movie/popular; bad-totals; undeclared-gzip; error-body=34',
      [
        { kind: 'bad-items', count: 3, path: '/movie/popular' },
        { kind: 'bad-totals' },
        { kind: 'undeclared-gzip' },
        { kind: 'error-body', code: 34 },
      ],
    ],
    ['body=[] type=text/plain', [{ kind: 'body', body: '[]', contentType: 'text/plain' }]],
    [
      'truncate;slow=100;html;empty;wrong-id',
      [
        { kind: 'truncate' },
        { kind: 'slow', bytesPerSecond: 100 },
        { kind: 'html' },
        { kind: 'empty' },
        { kind: 'wrong-id' },
      ],
    ],
    ['', []],
  ])('reads "%s"', (text, faults) => {
    expect(parseFaults(text)).toEqual(faults);
  });

  it.each([
    ['status=5xx', 'expected a status from 200 to 599'],
    ['status=503 code=99', 'expected one of TMDb\'s error codes, as in code=9, got "99"'],
    ['rate=0.5', 'expected one of status, delay'],
    ['drop html', 'got drop and html'],
    ['bad-items=0', 'a number, as in bad-items=3'],
    ['error-body=99', 'as in error-body=9, got "99"'],
    ['drop rate=50%', 'expected a share from 0 to 1'],
    ['drop rate=', 'expected a share from 0 to 1'],
    ['drop=3', 'drop takes no value'],
    ['drop path=movie', 'expected a path such as path=/movie/'],
    ['drop times=0', 'how often at most'],
    ['delay=soon', 'expected a time, as in delay=2s'],
    ['slow=0', 'bytes a second'],
    ['bomb=big', 'expected a size, as in bomb=1GB'],
    ['drop retry-after=3', '"retry-after" is not known here'],
    ['constructor', 'expected one of status'],
  ])('refuses "%s"', (text, message) => {
    expect(() => parseFaults(text)).toThrow(message);
  });

  it('names every mistake at once, and it is the caller who made them', () => {
    const error = (() => {
      try {
        return parseFaults('drop rate=2; html; slow=x');
      } catch (thrown) {
        return thrown as Error;
      }
    })();
    expect(error).toMatchObject({ name: 'UsageError' });
    expect((error as Error).message).toMatch(/2 mistake\(s\)[\s\S]*"drop rate=2"[\s\S]*"slow=x"/);
  });
});

describe('a plan of faults', () => {
  it('injections every request under its path when no rate is given', () => {
    const plan = new FaultPlan([{ kind: 'drop', path: '/movie/' }], 1);
    expect(injectedCount(plan, '/movie/5', 10)).toBe(10);
    expect(injectedCount(plan, '/genre/movie/list', 10)).toBe(0);
  });

  it('injections its share, the same requests for the same seed', () => {
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

  it('injections no more often than it may', () => {
    expect(injectedCount(new FaultPlan([{ kind: 'html', times: 3 }], 1), '/movie/1', 100)).toBe(3);
  });

  it('can mean details alone', () => {
    const plan = new FaultPlan([{ kind: 'drop', path: '/movie/{id}' }], 1);
    expect(injectedCount(plan, '/movie/550', 1)).toBe(1);
    expect(injectedCount(plan, '/movie/popular', 1)).toBe(0);
  });

  it('takes the first that injections, and joins delays to it', () => {
    const plan = new FaultPlan(parseFaults('delay=100; html times=1; drop; delay=50 times=1'), 1);
    expect(plan.inject('/movie/1')).toMatchObject({ delayMs: 150, effect: { kind: 'html' } });
    expect(plan.inject('/movie/1')).toMatchObject({ delayMs: 100, effect: { kind: 'drop' } });
  });
});
