import { createHash } from 'node:crypto';
import { existsSync, globSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { root as projectFolder } from './exec.ts';

/**
 * Runs a step unless its inputs have the contents with which it last passed. The hash of these contents is in `.tools/NAME.passed`.
 * @param inputs files and folders, from `root`.
 * @returns whether the step passed, now or with the same inputs.
 */
export async function ifChanged(
  name: string,
  inputs: readonly string[],
  pass: () => Promise<boolean>,
  root: string = projectFolder,
): Promise<boolean> {
  const path = join(root, '.tools', `${name}.passed`);
  const hash = contentHash(root, inputs);
  if (existsSync(path) && readFileSync(path, 'utf8') === hash) return true;
  const isPassed = await pass();
  if (isPassed) {
    mkdirSync(join(root, '.tools'), { recursive: true });
    writeFileSync(path, hash);
  }
  return isPassed;
}

function contentHash(root: string, inputs: readonly string[]): string {
  const hash = createHash('sha256');
  const files = inputs.flatMap((input) =>
    statSync(join(root, input)).isDirectory() ? globSync(`${input}/**`, { cwd: root }) : [input],
  );
  for (const file of files.toSorted()) {
    if (statSync(join(root, file)).isFile())
      hash
        .update(`${file}\0`)
        .update(readFileSync(join(root, file)))
        .update('\0');
  }
  return hash.digest('hex');
}
