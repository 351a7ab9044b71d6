import kafkajs, { type AclEntry } from 'kafkajs';
import { read } from '../deploy/project.ts';

const { AclOperationTypes, AclPermissionTypes, AclResourceTypes, ResourcePatternTypes } = kafkajs;

/** The file with the rights of each user, as options of Kafka's own tool. */
export const aclFile = 'deploy/kafka/acls.txt';

const operations: Readonly<Record<string, number>> = {
  Read: AclOperationTypes.READ,
  Write: AclOperationTypes.WRITE,
  Describe: AclOperationTypes.DESCRIBE,
  DescribeConfigs: AclOperationTypes.DESCRIBE_CONFIGS,
};

const resources: Readonly<Record<string, number>> = {
  '--topic': AclResourceTypes.TOPIC,
  '--group': AclResourceTypes.GROUP,
};

const patterns: Readonly<Record<string, number>> = {
  literal: ResourcePatternTypes.LITERAL,
  prefixed: ResourcePatternTypes.PREFIXED,
};

/** The rights of one line, one for each operation. @throws Error for an option or a value that `kafka-acls` lacks or that no line needs. */
export function parseAcl(line: string): AclEntry[] {
  const words = line.split(' ');
  const given = new Map<string, string[]>();
  for (let index = 0; index < words.length; index += 2) {
    const [option = '', value = ''] = words.slice(index, index + 2);
    given.set(option, [...(given.get(option) ?? []), value]);
  }
  const take = (option: string, ofDefault?: string): string => {
    const [value = ofDefault, ...others] = given.get(option) ?? [];
    given.delete(option);
    if (value === undefined || others.length > 0) throw new Error(`${line}: ${option} must occur once`);
    return value;
  };
  const numberOf = (names: Readonly<Record<string, number>>, name: string): number => {
    const number = names[name];
    if (number === undefined) throw new Error(`${line}: ${name} is unknown`);
    return number;
  };
  const [resource = ''] = Object.keys(resources).filter((option) => given.has(option));
  const right = {
    principal: take('--allow-principal'),
    host: '*',
    permissionType: AclPermissionTypes.ALLOW,
    resourceType: numberOf(resources, resource),
    resourceName: take(resource),
    resourcePatternType: numberOf(patterns, take('--resource-pattern-type', 'literal')),
  };
  const named = given.get('--operation') ?? [];
  given.delete('--operation');
  const [unknown] = given.keys();
  if (unknown !== undefined || named.length === 0) throw new Error(`${line}: ${unknown ?? 'no --operation'}`);
  return named.map((name) => ({ ...right, operation: numberOf(operations, name) }));
}

/** All rights of the file. */
export const readAcls = (): AclEntry[] =>
  read(aclFile)
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .flatMap(parseAcl);
