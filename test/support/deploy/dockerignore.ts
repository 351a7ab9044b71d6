import { readdirSync } from 'node:fs';
import { join } from 'node:path';

interface Rule {
  readonly text: string;
  readonly lets: 'in' | 'out';
  readonly pattern: RegExp;
}

/** What `docker build` would send of `folder`: the last rule of .dockerignore that matches a path, or a folder above it, decides. */
export function contextFiles(folder: string, dockerignore: string): string[] {
  const rules = parse(dockerignore);
  const files: string[] = [];
  const walk = (prefix: string): void => {
    for (const entry of readdirSync(join(folder, prefix), { withFileTypes: true })) {
      const path = prefix + entry.name;
      if (!entry.isDirectory()) {
        if (!isLeftOut(rules, path)) files.push(path);
      } else if (!isLeftOut(rules, path) || letsInSomethingBelow(rules, path)) {
        walk(`${path}/`);
      }
    }
  };
  walk('');
  return files.sort();
}

/** Whether a file at that path is excluded. */
export const leavesOut = (dockerignore: string, path: string): boolean => isLeftOut(parse(dockerignore), path);

const parse = (dockerignore: string): Rule[] =>
  dockerignore
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => {
      const text = line.replace(/^!/, '').replace(/^\/|\/$/g, '');
      return { text, lets: line.startsWith('!') ? 'in' : 'out', pattern: toRegExp(text) };
    });

function toRegExp(glob: string): RegExp {
  const parts: Record<string, string> = { '**/': '(?:.*/)?', '**': '.*', '*': '[^/]*', '?': '[^/]' };
  const source = glob.replace(/\*\*\/|\*\*|[*?]|[.+^${}()|[\]\\]/g, (token) => parts[token] ?? `\\${token}`);
  return new RegExp(`^${source}$`);
}

function isLeftOut(rules: readonly Rule[], path: string): boolean {
  const steps = path.split('/');
  const withParents = steps.map((_, index) => steps.slice(0, index + 1).join('/'));
  const decisive = rules.findLast(({ pattern }) => withParents.some((candidate) => pattern.test(candidate)));
  return decisive?.lets === 'out';
}

const letsInSomethingBelow = (rules: readonly Rule[], folder: string): boolean =>
  rules.some(({ lets, text }) => lets === 'in' && text.startsWith(`${folder}/`));
