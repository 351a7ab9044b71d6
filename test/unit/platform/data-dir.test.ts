import { expect, it } from 'vitest';
import { refuseForeignFolder } from '../../../platform/data-dir.ts';
import { UsageError } from '../../../runtime/errors.ts';

const [us, them, root] = [1_000, 1_001, 0];

/** @param owners of the existing folders. */
const refuse = (owners: Readonly<Record<string, number>>, uid: number | undefined = us) =>
  refuseForeignFolder('/a/b/data', { uid, ownerOf: (path) => owners[path] ?? null });

it.each([
  ['is ours', { '/': root, '/a': them, '/a/b': them, '/a/b/data': us }],
  ['belongs to root, like a new volume,', { '/': root, '/a/b/data': root }],
  ['does not exist and would be created in our own folder', { '/': root, '/a': them, '/a/b': us }],
  ['does not exist and would be created in a folder of root, such as /tmp,', { '/': root, '/a': root }],
])('a data folder that %s is accepted', (_, owners) => {
  expect(() => refuse(owners)).not.toThrow();
});

it.each([
  ['belongs to another user', { '/': root, '/a': us, '/a/b': us, '/a/b/data': them }, '/a/b/data'],
  ['does not exist and would be created in another user’s folder', { '/': root, '/a/b': them }, '/a/b'],
  ['does not exist, and neither does its parent,', { '/': root, '/a': them }, '/a'],
])('[R98] a data folder that %s is refused, with its owner named', (_, owners, folder) => {
  expect(() => refuse(owners)).toThrow(UsageError);
  expect(() => refuse(owners)).toThrow(
    `DATA_DIR: ${folder} belongs to another user (uid ${them}, this process is uid ${us})`,
  );
});

it('another user’s data folder is refused even to root', () => {
  expect(() => refuse({ '/a/b/data': them }, root)).toThrow('belongs to another user');
});

it('nothing is refused on systems without numeric user ids', () => {
  expect(() => refuseForeignFolder('/a', { uid: undefined, ownerOf: () => them })).not.toThrow();
});
