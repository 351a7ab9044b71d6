import { appendFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { processGroup } from '../../runtime/settings.ts';
import { invocationOf } from '../support/commands/command-line.ts';
import { read } from '../support/deploy/project.ts';
import { analyze, hasSystemdAnalyze, installedAt, type Unit, units } from '../support/deploy/systemd-units.ts';

const all = units();
const stages = all.filter(({ name }) => name !== 'up');

/** The arguments of `tmdb-stream` in ExecStart. */
const argsOf = (unit: Unit): string[] => {
  const [program, ...args] = unit.one('ExecStart').split(' ');
  expect(program).toBe(`${installedAt}/node_modules/.bin/tmdb-stream`);
  return args;
};

describe('the units of deploy/systemd', () => {
  it('include one for each service, and the target starts all of them', () => {
    const names = ['up', 'producer-popular', 'producer-genres', 'fetcher@', 'loader', 'scheduler', 'dashboard'];
    expect(all.map(({ name }) => name).toSorted()).toEqual(names.toSorted());
    const target = read('deploy/systemd/tmdb-stream.target');
    for (const name of names) expect(target).toContain(`tmdb-stream-${name.replace('@', '@1')}.service`);
    for (const unit of all) expect(unit.one('PartOf')).toBe('tmdb-stream.target');
  });

  it('run commands that run until they are stopped', () => {
    for (const unit of all) expect(invocationOf(argsOf(unit)).isService, unit.name).toBe(true);
  });

  it('start `up` before the stages, so that it stops after them', () => {
    for (const unit of stages) expect(unit.all('After'), unit.name).toContain('tmdb-stream-up.service');
  });

  it('share one data folder, which only their group can read, and have different ports', () => {
    for (const unit of all) {
      expect(unit.variable('DATA_DIR')).toBe(`%S/${unit.one('StateDirectory')}`);
      expect(unit.one('StateDirectoryMode')).toBe('0750');
    }
    const ports = all.map((unit) => unit.variable('HTTP_LISTEN'));
    expect(new Set(ports).size).toBe(all.length);
    for (const port of ports) expect(port?.replace('%i', '1')).toMatch(/^127\.0\.0\.1:94\d\d$/);
  });

  it('are restarted after a failure, but not if a person must correct something', () => {
    for (const unit of all) {
      expect(unit.one('Restart')).toBe('on-failure');
      expect(unit.one('RestartPreventExitStatus')).toBe('2');
      expect(unit.one('StartLimitIntervalSec')).toBe('0');
    }
  });

  it('have more time to stop than a drain takes', () => {
    const drainMs = processGroup.schema.parse({}).drainTimeoutMs;
    expect(drainMs).toBeGreaterThan(0);
    for (const unit of all) {
      // The broker has 15 s to stop after a drain.
      expect(Number(unit.one('TimeoutStopSec')) * 1_000, unit.name).toBeGreaterThan(drainMs + 15_000);
      expect(unit.one('KillMode')).toBe('mixed');
    }
  });

  it('[S7] give each process the rights that it needs: no root, no new privileges, a read-only system', () => {
    const wanted = {
      ...{
        User: 'tmdb-stream',
        NoNewPrivileges: 'yes',
        ProtectSystem: 'strict',
        ProtectHome: 'yes',
        PrivateTmp: 'yes',
      },
      ...{ CapabilityBoundingSet: '', RestrictSUIDSGID: 'yes', LimitCORE: '0', UMask: '0027' },
    };
    for (const unit of all) {
      expect(Object.fromEntries(Object.keys(wanted).map((key) => [key, unit.one(key)])), unit.name).toEqual(wanted);
      expect(unit.all('ReadWritePaths')).toEqual([]);
    }
  });

  it('[S2] give the token, as a file, only to the services that call TMDb', () => {
    for (const unit of all) {
      const callsTmdb = ['produce', 'fetch'].includes(argsOf(unit)[0] ?? '');
      expect(unit.all('LoadCredential'), unit.name).toEqual(
        callsTmdb ? ['tmdb_token:/etc/tmdb-stream/tmdb_token'] : [],
      );
      expect(unit.variable('TMDB_TOKEN_FILE')).toBe(callsTmdb ? '%d/tmdb_token' : undefined);
    }
  });
});

describe.runIf(hasSystemdAnalyze)('systemd-analyze', () => {
  const verify = ['verify', '--man=no'];

  it('finds no mistake in the units', () => {
    expect(analyze(verify)).toEqual({ status: 0, stdout: '', stderr: '' });
  });

  it('finds a mistake in a wrong unit', () => {
    const { stderr } = analyze(verify, (folder) =>
      appendFileSync(join(folder, 'tmdb-stream-loader.service'), 'NoNewPrivilege=yes\n'),
    );
    expect(stderr).toContain('NoNewPrivilege');
  });
});
