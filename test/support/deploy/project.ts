import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

export const root = join(import.meta.dirname, '../../..');

/** All files that git tracks or would add, from the project folder. */
export const projectFiles = (): string[] =>
  execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], { cwd: root })
    .toString()
    .split('\0')
    .filter((file) => file !== '' && existsSync(join(root, file)));

export const read = (file: string): string => readFileSync(join(root, file), 'utf8');

const lintBin = (tool: string): string => join(root, '.tools/lint/bin', tool);

const yamlReader = `
import json, sys
from ruamel.yaml import YAML
def read(file):
    with open(file, encoding="utf-8") as text:
        return list(YAML(typ="safe").load_all(text))
print(json.dumps([read(file) for file in sys.argv[1:]], default=str))`;

/** The documents of each file. YAML 1.2 as Compose, Prometheus and dbt read it, merge keys included; the linters' environment has a
 * parser. Needs one process. */
const readEach = <T>(files: readonly string[]): T[][] =>
  JSON.parse(execFileSync(lintBin('python'), ['-c', yamlReader, ...files], { cwd: root, encoding: 'utf8' }));

/** The one document of each file. @throws Error if a file has several. */
export const readYamlFiles = <T>(files: readonly string[]): T[] =>
  readEach<T>(files).map(([document, ...others], index) => {
    if (others.length > 0) throw new Error(`${files[index]} has ${others.length + 1} documents`);
    return document as T;
  });

/** All documents of files. */
export const readYamlDocuments = <T>(files: readonly string[]): T[] => readEach<T>(files).flat();

export function readYaml<T>(file: string): T {
  const [content] = readYamlFiles<T>([file]);
  return content as T;
}

/** Runs a linter on the project. @returns its complaints; empty if there are none. */
export function lint(tool: string, ...args: string[]): string {
  const { status, stdout, stderr, error } = spawnSync(lintBin(tool), args, { cwd: root, encoding: 'utf8' });
  if (error) throw error;
  return status === 0 ? '' : `exit code ${status}\n${stdout}${stderr}`;
}
