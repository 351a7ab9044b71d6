import { describe, expect, it } from 'vitest';
import { createGroups } from '../../../kafka/groups.ts';
import { allTopics, createTopics } from '../../../schemas/topics.ts';
import { read } from '../../support/deploy/project.ts';
import { aclFile, parseAcl, readAcls } from '../../support/kafka/acls.ts';

/** The numbers of Kafka's protocol. */
const kafka = { topic: 2, group: 3, literal: 3, prefixed: 4, read: 3, write: 4, describe: 8, allow: 3 };

describe('a line of deploy/kafka/acls.txt', () => {
  it('is one right for each operation', () => {
    const line =
      '--allow-principal User:a --operation Read --operation Write --topic b --resource-pattern-type prefixed';
    const right = {
      ...{ principal: 'User:a', host: '*', permissionType: kafka.allow },
      ...{ resourceType: kafka.topic, resourceName: 'b', resourcePatternType: kafka.prefixed },
    };
    expect(parseAcl(line)).toEqual([
      { ...right, operation: kafka.read },
      { ...right, operation: kafka.write },
    ]);
    expect(parseAcl('--allow-principal User:a --operation Describe --group c')).toEqual([
      {
        ...{ ...right, resourceType: kafka.group, resourceName: 'c', resourcePatternType: kafka.literal },
        operation: kafka.describe,
      },
    ]);
  });

  it.each([
    ['an unknown operation', '--allow-principal User:a --operation Red --topic b'],
    ['no operation', '--allow-principal User:a --topic b'],
    ['no user', '--operation Read --topic b'],
    ['no resource', '--allow-principal User:a --operation Read'],
    ['two topics', '--allow-principal User:a --operation Read --topic b --topic c'],
    ['an unknown option', '--allow-principal User:a --operation Read --topic b --host *'],
    ['an unknown pattern', '--allow-principal User:a --operation Read --topic b --resource-pattern-type any'],
  ])('with %s is refused', (_, line) => {
    expect(() => parseAcl(line)).toThrow(line);
  });
});

describe('deploy/kafka/acls.txt', () => {
  const acls = readAcls();

  it('[S3] names only topics and groups that exist, and gives no user all rights', () => {
    const topics = allTopics(createTopics('')).map(({ name }) => name);
    const groups = [...Object.values(createGroups('')), ...topics.map((topic) => `${topic}-read-`)];
    for (const { resourceType, resourceName, resourcePatternType } of acls) {
      const names = resourceType === kafka.topic ? topics : groups;
      const exists = names.some((name) =>
        resourcePatternType === kafka.prefixed ? name.startsWith(resourceName) : name === resourceName,
      );
      expect(exists, resourceName).toBe(true);
    }
    // A right to write is for one topic.
    const writes = acls.filter(({ operation }) => operation === kafka.write);
    expect(writes.filter(({ resourcePatternType }) => resourcePatternType !== kafka.literal)).toEqual([]);
    expect(writes.length).toBeGreaterThan(5);
  });

  it('has each right once, for the users that the manifests of Kubernetes name and for the operator', () => {
    expect(new Set(acls.map((acl) => JSON.stringify(acl))).size).toBe(acls.length);
    const [, data = ''] =
      /name: kafka-users\ndata:\n((?: {2}.*\n)+)/.exec(read('deploy/kubernetes/base/settings.yml')) ?? [];
    const users = [...data.matchAll(/: (\w+)$/gm)].map(([, user]) => `User:${user}`).concat('User:operator');
    expect([...new Set(acls.map(({ principal }) => principal))].toSorted()).toEqual(users.toSorted());
  });

  it('is what the documentation names', () => {
    for (const page of ['SECURITY.md', 'docs/runbook.md', 'docs/services.md', 'docs/kubernetes.md'])
      expect(read(page), page).toContain(aclFile);
  });
});
