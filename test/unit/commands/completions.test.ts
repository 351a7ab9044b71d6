import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { completionScript, shells } from '../../../commands/engine/completions.ts';
import { flagName } from '../../../commands/engine/option.ts';
import { parse } from '../../../commands/engine/parse.ts';
import { commands, commandsByWords } from '../../../commands/index.ts';

const folder = mkdtempSync(join(tmpdir(), 'tmdb-stream-completions-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const has = (program: string): boolean => spawnSync(program, ['--version']).status === 0;

/** The proposals of bash for the last word of a line. */
function proposed(line: string): string[] {
  const script = join(folder, 'completion.bash');
  writeFileSync(script, completionScript('bash', commands));
  const words = line.split(' ');
  const program = `source ${script}
COMP_WORDS=(${words.map((word) => `'${word}'`).join(' ')}); COMP_CWORD=${words.length - 1}
_tmdb_stream; printf '%s\\n' "\${COMPREPLY[@]}"`;
  const output = execFileSync('bash', ['--norc', '-c', program], { cwd: folder, encoding: 'utf8' });
  return output.split('\n').filter(Boolean);
}

describe('the completions', () => {
  it.each<[line: string, words: readonly string[]]>([
    ['tmdb-stream rep', ['replay', 'repair']],
    ['tmdb-stream replay ', ['raw', 'ids', '--help']],
    ['tmdb-stream replay raw --r', ['--restart', '--rebuild']],
    ['tmdb-stream run --once --po', ['--popular-every']],
    ['tmdb-stream run --pages ', []],
    ['tmdb-stream dead-letters list --reason undecodable', ['undecodable_record']],
    ['tmdb-stream warehouse provision --loader-key comp', ['completion.bash']],
    ['tmdb-stream completion z', ['zsh']],
  ])('of bash for "%s" are %j', (line, words) => {
    expect(proposed(line)).toEqual(words);
  });

  it.each(shells)('of %s have each command and each option', (shell) => {
    const script = completionScript(shell, commands);
    for (const [name, { options }] of commandsByWords) {
      for (const word of name.split(' ')) expect(script).toContain(word);
      for (const [option, { kind }] of Object.entries(options)) {
        const flag = flagName(option);
        if (kind !== 'positional') expect(script).toContain(shell === 'fish' ? `-l ${flag.slice(2)}` : flag);
      }
    }
  });

  it.each(shells.filter(has))('of %s are a script that the shell can parse', (shell) => {
    const file = join(folder, `script.${shell}`);
    writeFileSync(file, completionScript(shell, commands));
    expect(spawnSync(shell, ['-n', file], { encoding: 'utf8' })).toMatchObject({ status: 0, stderr: '' });
  });

  it('are printed without settings', () => {
    expect(parse(['completion', 'bash'], 0)).toEqual({ text: completionScript('bash', commands) });
  });
});

describe('the manual page', () => {
  const page = (): string => {
    const parsed = parse(['man'], 0);
    return 'text' in parsed ? parsed.text : '';
  };

  it('has each command, each option and each example', () => {
    const plain = page().replaceAll('\\-', '-');
    for (const [name, { options, examples }] of commandsByWords) {
      expect(plain).toContain(`\n.SS ${name}\n`);
      for (const [option, { kind }] of Object.entries(options)) {
        if (kind !== 'positional') expect(plain).toContain(`.B ${flagName(option)}`);
      }
      for (const [args] of examples) expect(plain).toContain(`.B npx tmdb-stream ${args}`);
    }
  });

  it('has no line of text that roff would read as a command', () => {
    const macros = new Set(['TH', 'SH', 'SS', 'TP', 'PP', 'B', 'br']);
    const requests = page()
      .split('\n')
      .flatMap((line) => /^[.'](\S*)/.exec(line)?.[1] ?? []);
    expect(requests.filter((request) => !macros.has(request))).toEqual([]);
  });
});
