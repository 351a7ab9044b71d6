import { describe, expect, it } from 'vitest';
import { read } from '../support/deploy/project.ts';

const { dependencies, devDependencies } = JSON.parse(read('package.json')) as Record<string, Record<string, string>>;

interface Locked {
  readonly dev?: boolean;
  readonly devOptional?: boolean;
  readonly optional?: boolean;
}

describe('the npm packages of production', () => {
  it('start no containers: only packages of the tests do', () => {
    const startsContainers = /testcontainers|dockerode|docker-(?:compose|modem)/;
    expect(Object.keys(dependencies ?? {}).filter((name) => startsContainers.test(name))).toEqual([]);
    expect(devDependencies).toHaveProperty('testcontainers');
    const { packages } = JSON.parse(read('package-lock.json')) as { packages: Readonly<Record<string, Locked>> };
    const installed = Object.entries(packages).filter(
      ([path, { dev, devOptional }]) => path !== '' && !dev && !devOptional,
    );
    expect(installed.map(([path]) => path).filter((path) => startsContainers.test(path))).toEqual([]);
  });
});
