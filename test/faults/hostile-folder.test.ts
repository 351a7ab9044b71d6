import { spawn } from 'node:child_process';
import {
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Outcome, outcomeOf } from '../support/processes/cli.ts';
import { compileCache } from '../support/processes/compile-cache.ts';

const root = join(import.meta.dirname, '../..');
let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tmdb-stream-hostile-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** Code in each language that leaves a trace if a program loads it. */
const traceOf = (kind: string) => {
  const trace = JSON.stringify(join(folder, 'executed', kind));
  return {
    js: `require('node:fs').writeFileSync(${trace}, '');`,
    mjs: `import { writeFileSync } from 'node:fs'; writeFileSync(${trace}, '');`,
    py: `open(${trace}, 'w').close()\n`,
    sh: `#!/bin/sh\ntouch ${trace}\n`,
  };
};

/** Fills a working folder with every file that a program which we start could load by mistake. */
function fillHostile(cwd: string): void {
  const packages = ['pino', 'undici', 'kafkajs', 'zod', 'avsc', '@duckdb/node-api', '@redis/client', 'snowflake-sdk'];
  const modules = ['sitecustomize', 'usercustomize', 'dbt', 'duckdb', 'json', 'typing', 'threading', 'encodings'];
  const programs = ['java', 'python', 'python3', 'dbt', 'node', 'npm', 'mvn', 'sh', 'pip', 'git'];
  const evil = 'http://127.0.0.1:9/3';
  const files: Record<string, string> = {
    '.env': `TMDB_BASE_URL=${evil}\nTMDB_TOKEN=evil\nKAFKA_BROKERS=127.0.0.1:9\nJAVA_HOME=${cwd}\nNODE_OPTIONS=--require=${cwd}/evil.cjs\n`,
    '.npmrc': `registry=${evil}\nnode-options=--require=${cwd}/evil.cjs\nscript-shell=${cwd}/sh\n`,
    'evil.cjs': traceOf('evil.cjs').js,
    'pip.conf': `[global]\nindex-url = ${evil}\n`,
    '.python-version': '2.7\n',
    'pyvenv.cfg': 'home = /nowhere\n',
    'package.json':
      '{"type":"commonjs","imports":{"#a":"./evil.cjs"},"scripts":{"prestart":"touch executed/prestart"}}',
    'tsconfig.json': '{"extends":"./nowhere.json"}',
    'profiles.yml': 'default: {target: evil, outputs: {evil: {type: duckdb, path: evil.duckdb}}}\n',
    'dbt_project.yml': 'name: evil\nversion: "1"\nprofile: evil\non-run-start: ["select evil"]\n',
    '.user.yml': 'id: evil\n',
    '.mvn/jvm.config': '-javaagent:evil.jar\n',
    '.mvn/extensions.xml': '<extensions>evil</extensions>\n',
    'log4j.properties': 'log4j.rootLogger=TRACE, evil\n',
    'log4j2.xml': '<Configuration status="TRACE"><evil/></Configuration>\n',
    'log4j2.component.properties': 'log4j2.configurationFile=evil.xml\n',
    'server.properties': 'process.roles=evil\n',
    'kafka_jaas.conf': 'KafkaServer { evil required; };\n',
    '.duckdbrc': '.shell touch executed/duckdbrc\n',
    'connections.toml': '[default]\naccount = "evil"\n',
    'redis.conf': 'port 1\n',
    ...Object.fromEntries(packages.map((name) => [`node_modules/${name}/index.js`, traceOf('node_modules').js])),
    ...Object.fromEntries(modules.map((name) => [`${name}.py`, traceOf(`${name}.py`).py])),
    ...Object.fromEntries(programs.map((name) => [name, traceOf(`program ${name}`).sh])),
  };
  mkdirSync(join(folder, 'executed'));
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(cwd, name)), { recursive: true });
    writeFileSync(join(cwd, name), text, { mode: 0o755 });
  }
}

const contentsOf = (place: string) =>
  Object.fromEntries(
    readdirSync(place, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map(({ parentPath, name }) => [join(parentPath, name), readFileSync(join(parentPath, name), 'utf8')]),
  );

/** Runs `node PATH/scripts/start.mjs COMMAND` in that folder. */
function startFrom(cwd: string, args: readonly string[], env: Readonly<Record<string, string>>): Promise<Outcome> {
  const { PATH = '', HOME = '' } = process.env;
  return outcomeOf(
    spawn(process.execPath, [join(root, 'scripts/start.mjs'), ...args], {
      cwd,
      env: { PATH, HOME, ...compileCache, SANDBOX_MOVIES: '20', TMDB_RATE_LIMIT: '500/1s', ...env },
    }),
  );
}

describe('a working folder of another user', () => {
  it('[R112] affects no command: none of its files is executed or changed', {
    tags: ['full'],
    timeout: 300_000,
  }, async () => {
    const [cwd, dataDir] = [join(folder, 'cwd'), join(folder, 'data')];
    fillHostile(cwd);
    const before = contentsOf(cwd);
    for (const args of [['doctor'], ['run', '--once', '--json', '--pages', '1']]) {
      const { code, stdout, stderr } = await startFrom(cwd, args, { DATA_DIR: dataDir });
      expect(code, stderr + stdout).toBe(0);
      expect(stdout).toMatch(args[0] === 'doctor' ? /movies: generated/ : /"origin":"generated"/);
    }
    expect(readdirSync(join(folder, 'executed'))).toEqual([]);
    expect(contentsOf(cwd)).toEqual(before);
  });

  it.runIf(process.getuid?.() === 0)(
    '[R112] is refused as DATA_DIR, or as a parent of DATA_DIR, before anything is written',
    async () => {
      const theirs = join(folder, 'theirs');
      mkdirSync(theirs);
      chownSync(theirs, 65_534, 65_534);
      for (const dataDir of [theirs, join(theirs, 'new', 'data')]) {
        const { code, stderr } = await startFrom(folder, ['status'], { DATA_DIR: dataDir });
        expect(code).toBe(2);
        expect(stderr.trim()).toMatch(
          /^DATA_DIR: \S*theirs belongs to another user \(uid 65534, this process is uid 0\)[^\n]*$/,
        );
      }
      expect(readdirSync(theirs)).toEqual([]);
      expect(existsSync(join(folder, 'data'))).toBe(false);
    },
  );
});
