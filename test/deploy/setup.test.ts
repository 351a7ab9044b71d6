import { type SpawnSyncReturns, spawnSync } from 'node:child_process';
import {
  appendFileSync,
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

const root = join(import.meta.dirname, '../..');
const jars = join(root, '.tools/kafka');
const platform = `${process.platform}-${process.arch === 'x64' ? 'amd64' : process.arch}`;

const copied = [
  ...['scripts', 'package.json', 'package-lock.json', 'dbt/requirements.txt', 'dbt/requirements-lint.txt'],
  ...['kafka/broker', 'tmdb/token-bucket/server', 'test/support/snowflake/emulator/requirements.txt'],
];

const secret = 'canary-7d1e94ab';
/** The environment of set-up: our variables, those of other programs, and an unknown one. */
const secrets = {
  TMDB_TOKEN: secret,
  TMDB_API_KEY: secret,
  KAFKA_PASSWORD: secret,
  TOKEN_BUCKET_URL: `redis://:${secret}@127.0.0.1:6379`,
  SNOWFLAKE_PRIVATE_KEY: secret,
  SNOWFLAKE_PRIVATE_KEY_PASSPHRASE: secret,
  SNOWFLAKE_TOKEN: secret,
  SNOWFLAKE_PASSWORD: secret,
  AWS_SECRET_ACCESS_KEY: secret,
  GITHUB_TOKEN: secret,
  SOMETHING_NEW: secret,
};
/** Credentials of a registry, which only the program that uses it may receive. */
const settingsOf: Readonly<Record<string, readonly [name: string, value: string]>> = {
  npm: ['npm_config__auth', 'canary-npm'],
  python: ['PIP_INDEX_URL', 'https://user:canary-pip@127.0.0.1/simple'],
  mvn: ['MAVEN_OPTS', '-Dcanary-mvn=1'],
};

/** A copy of the files that set-up reads, and fake programs that record their input and deliver files like a registry. */
class Project implements Disposable {
  readonly folder = mkdtempSync(join(tmpdir(), 'tmdb-stream-setup-'));
  readonly #bin = join(this.folder, 'bin');
  readonly #given = join(this.folder, 'given');

  constructor() {
    for (const path of copied) cpSync(join(root, path), join(this.folder, path), { recursive: true });
    mkdirSync(this.#bin);
    mkdirSync(this.#given);
    this.#program('npm', 'mkdir -p node_modules');
    this.#program('java', `echo 'openjdk version "17.0.1"' >&2`);
    this.#program('python3', `[ "$2" = venv ] && mkdir -p "$3/bin" && cp "$0" "$3/bin/python"; exit 0`);
    const delivered = join(this.folder, 'delivered');
    mkdirSync(delivered);
    this.#program(
      'mvn',
      `for arg; do case "$arg" in -DoutputDirectory=*) out="\${arg#*=}";; *server/pom.xml) redis=1;; esac; done
[ -z "$out" ] && exit 0
mkdir -p "$out"
if [ -n "$redis" ]; then cp ${join(root, '.tools/redis/redis-server')} "$out/$(ls ${delivered})"; else cp ${jars}/*.jar "$out"; fi
[ -f ${this.folder}/after ] && cd "$out" && . ${this.folder}/after
exit 0`,
    );
    const list = readFileSync(join(root, 'tmdb/token-bucket/server/binaries.sha256'), 'utf8');
    const binary = list.split('\n').find((line) => line.endsWith(platform));
    writeFileSync(join(delivered, binary?.slice(66) ?? 'none'), '');
  }

  /** Changes the files that Maven has delivered. */
  tamper(script: string): void {
    writeFileSync(join(this.folder, 'after'), script);
  }

  /** Installs the parts, or runs `start.mjs`. @param env additional variables. */
  run(
    parts: readonly string[] | 'start.mjs',
    env: Readonly<Record<string, string>> = {},
    cwd = this.folder,
  ): SpawnSyncReturns<string> {
    const setup = `import { ensure, fail } from '${pathToFileURL(join(this.folder, 'scripts/setup.mjs')).href}'; await ensure(${JSON.stringify(parts)}).catch(fail);`;
    const args =
      parts === 'start.mjs'
        ? [join(this.folder, 'scripts/start.mjs'), '--help']
        : ['--input-type=module', '--eval', setup];
    const path = [this.#bin, dirname(process.execPath), '/usr/bin', '/bin'].join(':');
    return spawnSync(process.execPath, args, {
      cwd,
      encoding: 'utf8',
      env: { PATH: path, HOME: this.folder, ...env },
    });
  }

  /** The environment of each program, over all of its runs. */
  get given(): Map<string, string> {
    return new Map(
      readdirSync(this.#given).map((name) => [name, readFileSync(join(this.#given, name), 'utf8')] as const),
    );
  }

  [Symbol.dispose](): void {
    rmSync(this.folder, { recursive: true, force: true });
  }

  #program(name: string, does: string): void {
    const file = join(this.#bin, name);
    writeFileSync(file, `#!/bin/sh\n{ /usr/bin/env; echo "cwd=$(pwd)"; } >> ${join(this.#given, name)}\n${does}\n`);
    chmodSync(file, 0o755);
  }
}

describe.runIf(existsSync(jars) && process.platform !== 'win32')('set-up', () => {
  let project: Project;
  beforeEach(() => {
    project = new Project();
  });
  afterEach(() => project[Symbol.dispose]());

  it('[R95] passes no secret of the environment or of .env to any program, and to each program its own settings', () => {
    const settings = Object.fromEntries(Object.values(settingsOf));
    for (const [name, value] of Object.entries(secrets)) {
      appendFileSync(join(project.folder, '.env'), `${name}=${value}\nDOTENV_${name}=${value}\n`);
    }
    const proxy = { HTTPS_PROXY: 'http://127.0.0.1:3128' };
    const all = project.run(['npm', 'dbt', 'lint', 'snowflake', 'kafka', 'redis'], {
      ...secrets,
      ...settings,
      ...proxy,
    });
    expect(all.stderr).not.toContain('failed');
    project.run('start.mjs', settings);
    const { given } = project;
    expect([...given.keys()].sort()).toEqual(expect.arrayContaining(['java', 'mvn', 'npm', 'python3']));
    for (const [program, environment] of given) {
      expect(environment, program).toContain('PATH=');
      expect(environment.includes(secret), program).toBe(false);
      for (const [owner, [name, value]] of Object.entries(settingsOf)) {
        expect(environment.includes(`${name}=${value}`), `${program} and ${name}`).toBe(program.startsWith(owner));
      }
      expect(environment, program).toContain(proxy.HTTPS_PROXY);
    }
  });

  it('[R112] runs each program in its own folder, and reads no settings of the folder that it is called from', () => {
    const hostile = join(project.folder, 'hostile');
    mkdirSync(hostile);
    writeFileSync(join(hostile, '.env'), 'MAVEN_OPTS=-javaagent:evil.jar\nnpm_config_evil=1\nPIP_INDEX_URL=evil\n');
    for (const parts of [['npm', 'dbt', 'kafka', 'redis'], 'start.mjs'] as const) project.run(parts, {}, hostile);
    expect([...project.given.keys()].sort()).toEqual(expect.arrayContaining(['java', 'mvn', 'npm', 'python3']));
    for (const [program, given] of project.given) {
      const folders = given.split('\n').filter((line) => line.startsWith('cwd='));
      expect(new Set(folders), program).toEqual(new Set([`cwd=${project.folder}`]));
      expect(given, program).not.toContain('evil');
    }
  });

  it('installs only the npm packages before the command line asks for tools, and links the executable', () => {
    project.run('start.mjs');
    expect([...project.given.keys()]).toEqual(['npm']);
    expect(readlinkSync(join(project.folder, 'node_modules/.bin/tmdb-stream'))).toBe('../../scripts/start.mjs');
  });

  it('starts the command line with little memory for new objects', () => {
    writeFileSync(join(project.folder, 'cli.ts'), 'process.stdout.write(JSON.stringify(process.execArgv));');
    expect(JSON.parse(project.run('start.mjs').stdout)).toEqual(['--max-semi-space-size=16']);
  });

  it('prints the output of other programs without control characters', () => {
    writeFileSync(
      join(project.folder, 'bin/npm'),
      `#!/bin/sh\nprintf 'no \\033[2J\\342\\200\\256way\\n' >&2; exit 1\n`,
    );
    const { status, stderr } = project.run(['npm']);
    expect(status).toBe(1);
    expect(stderr).toContain('no \\u001b[2J\\u202eway');
  });

  it('accepts jars from Maven that match the checked-in lists', () => {
    expect(project.run(['kafka', 'redis']).status).toBe(0);
    const stamps = ['kafka', 'redis'].map((part) => existsSync(join(project.folder, `.tools/${part}.stamp`)));
    expect(stamps).toEqual([true, true]);
  });

  it.each([
    [
      'kafka',
      'a jar with one byte more',
      'for jar in kafka-clients-*; do printf x >> $jar; done',
      /kafka-clients-\S+ has a different SHA-256/,
    ],
    [
      'kafka',
      'a jar under the name of another',
      'cp slf4j-api-*.jar kafka-raft-*.jar',
      /kafka-raft-\S+ has a different SHA-256/,
    ],
    ['kafka', 'an additional jar', 'cp re2j-*.jar extra.jar', /extra\.jar is not in the list/],
    ['kafka', 'a jar that is missing', 'rm zstd-jni-*.jar', /zstd-jni-\S+ is missing/],
    [
      'redis',
      'a server with one byte more',
      'for server in redis-server-*; do printf x >> $server; done',
      /redis-server-\S+ has a different SHA-256/,
    ],
  ])('[R96] refuses for %s %s, in one line, and keeps none of the files', (part, _, script, line) => {
    project.tamper(script);
    const { status, stderr } = project.run([part]);
    expect(status).toBe(1);
    const said = stderr.split('\n').filter((text) => text.startsWith('setup failed'));
    expect(said).toHaveLength(1);
    expect(said[0]).toMatch(line);
    expect(stderr).not.toMatch(/^\s+at /m);
    expect(existsSync(join(project.folder, `.tools/${part}`))).toBe(false);
    expect(existsSync(join(project.folder, `.tools/${part}.stamp`))).toBe(false);
  });

  it.runIf(process.getuid?.() === 0)(
    '[R107] prints in one line what to do in a checkout that its user may not write to',
    () => {
      chmodSync(project.folder, 0o755);
      const user = [
        '--reuid=65534',
        '--regid=65534',
        '--clear-groups',
        process.execPath,
        'scripts/start.mjs',
        '--help',
      ];
      const { status, stderr } = spawnSync('setpriv', user, {
        cwd: project.folder,
        encoding: 'utf8',
        env: { PATH: '/usr/bin:/bin' },
      });
      expect(status).toBe(1);
      expect(stderr).toMatch(
        /^setup failed: EACCES: [^\n]+: give this user the right to write there, or run it once as its owner\n$/,
      );
    },
  );

  it('[R96] names the version of each Maven plugin, and accepts no wrong checksum', () => {
    const source = readFileSync(join(root, 'scripts/setup.mjs'), 'utf8');
    expect(source).toMatch(/maven-dependency-plugin:\d+\.\d+\.\d+:/);
    expect(source).toContain("'-C'");
    expect(source).not.toMatch(/'dependency:/);
  });
});
