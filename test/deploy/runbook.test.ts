import { describe, expect, it } from 'vitest';
import { parse } from '../../commands/engine/parse.ts';
import type { Compose } from '../support/deploy/compose.ts';
import { cellsOf, commandOf, onCall, worlds } from '../support/deploy/on-call.ts';
import { read, readYaml } from '../support/deploy/project.ts';
import { units } from '../support/deploy/systemd-units.ts';

const page = read('docs/runbook.md');
const troubles = onCall();

/** Every command of the page: a text in backticks that begins with a program. */
const commands = [...page.matchAll(/`((?:sudo|npx|docker compose|systemctl|journalctl) [^`]+)`/g)].map(
  ([, command = '']) => command.replace(/\s+/g, ' '),
);

/** Values in place of the words in capitals, which have the form that the option wants. */
const values = {
  RANGE: 'tmdb.raw-movies/0/1-2',
  'TOPIC/PARTITION/FIRST-LAST': 'tmdb.raw-movies/0/1-2',
  TIME: '2h',
  ID: '7',
};

/** The arguments of `tmdb-stream` in a command of any world; undefined if the command runs something else. */
function argumentsIn(command: string): string[] | undefined {
  const [, args] =
    /^npx tmdb-stream (.*)$/.exec(command) ??
    /\.bin\/tmdb-stream (.*)$/.exec(command) ??
    /^docker compose exec \S+ node cli\.ts (.*)$/.exec(command) ??
    /^docker compose run --rm loader (.*)$/.exec(command) ??
    [];
  const filled = Object.entries(values).reduce((text, [word, value]) => text?.replaceAll(word, value), args);
  return filled?.split(' ');
}

describe('the runbook', () => {
  it('has only commands of tmdb-stream that the command line accepts', () => {
    const found = commands.flatMap((command) => argumentsIn(command) ?? []);
    expect(found.length).toBeGreaterThan(50);
    for (const command of commands) {
      const args = argumentsIn(command);
      if (args) expect(() => parse(args, Date.now()), command).not.toThrow();
    }
  });

  it('has each command of tmdb-stream in a form that can be pasted', () => {
    const short = /`(?:replay (?:ids|raw)|load|fetch|transform|repair|topics|dead-letters \w+|status|doctor)[ `]/g;
    expect([...page.matchAll(short)].map(([text]) => text)).toEqual([]);
  });

  it('names only units and services that exist', () => {
    const { services } = readYaml<Compose>('docker-compose.yml');
    const unitNames = units().map(({ name }) => name.replace(/@$/, ''));
    for (const command of commands) {
      for (const [, name] of command.matchAll(/(?<!sudo -u )\btmdb-stream-([a-z-]+)/g))
        expect(unitNames).toContain(name);
      const [, name] =
        /^docker compose (?:exec|stop|restart|ps|logs(?: --\S+ \w+)?) ([a-z][a-z-]+)/.exec(command) ?? [];
      if (name !== undefined) expect(Object.keys(services)).toContain(name);
    }
  });

  it('has commands for processes and for containers in each row, or for neither', () => {
    const isForProcesses = (row: string) => /`(?:sudo|systemctl|journalctl|npx) /.test(row);
    const tables = page.slice(page.indexOf('## Symptoms'), page.indexOf('## In containers'));
    const rows = tables.split('\n').filter((line) => line.startsWith('| '));
    // A command of tmdb-stream is enough for both: the table at the beginning says how to run it.
    const oneSided = rows.filter((row) =>
      /`docker /.test(row) ? !isForProcesses(row) : /`(?:sudo|systemctl) /.test(row),
    );
    expect(rows.length).toBeGreaterThan(60);
    expect(oneSided).toEqual([]);
  });
});

describe('the section "On call"', () => {
  it('has eight troubles, each with steps that end in a check', () => {
    expect(troubles.map(({ title }) => title)).toHaveLength(8);
    for (const { title, steps } of troubles) {
      expect(steps.length, title).toBeGreaterThan(2);
      expect(steps.at(-1)?.purpose, title).toBe('check');
    }
  });

  it.each(worlds)('has a command in each step %s, or says why not', (world) => {
    for (const { title, steps } of troubles) {
      const cells = steps.map(({ cells }) => cells[world]);
      for (const cell of cells) if (!commandOf(cell)) expect(cell, title).toMatch(/^(?:-|it has ended|Ctrl-C in .*)$/);
      expect(cells.filter((cell) => commandOf(cell)).length, title).toBeGreaterThan(2);
    }
  });

  it('has a title for each link from the rows and from the beginning', () => {
    const anchors = [...page.matchAll(/^#+ (.*)$/gm)].map(([, title = '']) => title.toLowerCase().replaceAll(' ', '-'));
    for (const [, anchor] of page.matchAll(/\]\(#([\w-]+)\)/g)) expect(anchors).toContain(anchor);
  });
});

it('reads a row whose cells have a bar', () => {
  expect(cellsOf('| a | `x \\| y` | - |')).toEqual(['a', '`x \\| y`', '-']);
  expect(commandOf('`x \\| y`')).toBe('x | y');
});
