/**
 * Installs what the project needs into the project folder, once.
 *
 * Runs on any Node >= 20 with no package installed, so it uses nothing but Node itself. A part is installed
 * again only when the files that define it (lockfile, requirements, pom) changed: the stamp holds their hash and
 * is written last, so an installation that was interrupted starts over.
 */
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { constants } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { verify } from './checksums.mjs';
import { childEnvironment } from './child-environment.mjs';

export const root = dirname(dirname(fileURLToPath(import.meta.url)));
const tools = join(root, '.tools');

/** A requirement that the machine lacks and that we cannot install; `message` says how to install it. */
export class MissingError extends Error {}

const venv = (name, requirements, minor = 10) => ({
  what: `the Python packages of ${requirements}`,
  /** Python 3.`minor` or newer is needed. */
  minor,
  inputs: [requirements],
  stamp: join(tools, `${name}.stamp`),
  install: async (log) => {
    const python = findPython(minor);
    const home = join(tools, name);
    rmSync(home, { recursive: true, force: true });
    await run(
      python,
      ['-m', 'venv', home],
      log,
      `${python} -m venv failed: on Debian or Ubuntu, apt-get install python3-venv`,
    );
    const pip = [
      '-m',
      'pip',
      'install',
      '--quiet',
      '--disable-pip-version-check',
      '--require-hashes',
      '-r',
      requirements,
    ];
    await run(join(home, 'bin', 'python'), pip, log);
    // Bytecode once, here, instead of at the first run of every command: halves the start of dbt.
    const compile = ['-m', 'compileall', '-q', '-j', '0', join(home, 'lib')];
    await run(join(home, 'bin', 'python'), compile, log, undefined, { PYTHONDONTWRITEBYTECODE: '' }).catch(() => {});
  },
});

/** With its version: otherwise Maven takes the newest version of the plugin. `-C` refuses a jar with a wrong checksum. */
const maven = (pom, goal) => [
  ...['-B', '-q', '-C', '-f', pom],
  `org.apache.maven.plugins:maven-dependency-plugin:3.6.1:${goal}`,
];

/** Downloads into a new folder; deletes the files if they differ from the checked-in list. */
async function download(home, args, log, check) {
  rmSync(home, { recursive: true, force: true });
  await run('mvn', [...args, `-DoutputDirectory=${home}`], log);
  try {
    check();
  } catch (error) {
    rmSync(home, { recursive: true, force: true });
    throw error;
  }
}

const parts = {
  npm: {
    what: 'the npm packages',
    inputs: ['package.json', 'package-lock.json'],
    stamp: join(root, 'node_modules', '.stamp'),
    install: (log) => run('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'], log),
  },
  dbt: venv('dbt', 'dbt/requirements.txt'),
  lint: venv('lint', 'dbt/requirements-lint.txt'),
  snowflake: venv('snowflake', 'test/support/snowflake/emulator/requirements.txt', 11),
  superset: venv('superset', 'deploy/superset/requirements.txt', 11),
  peers: venv('peers', 'bench/peers/requirements.txt', 11),
  kafka: {
    what: 'the Kafka broker',
    inputs: ['kafka/broker/pom.xml', 'kafka/broker/jars.sha256'],
    stamp: join(tools, 'kafka.stamp'),
    install: async (log) => {
      const home = join(tools, 'kafka');
      const args = [...maven('kafka/broker/pom.xml', 'copy-dependencies'), '-DincludeScope=runtime'];
      await download(home, args, log, () => verify(home, join(root, 'kafka/broker/jars.sha256')));
    },
  },
  redis: {
    what: 'a Redis server',
    inputs: ['tmdb/token-bucket/server/pom.xml', 'tmdb/token-bucket/server/binaries.sha256'],
    stamp: join(tools, 'redis.stamp'),
    install: async (log) => {
      const home = join(tools, 'redis');
      const platform = `${process.platform}-${process.arch === 'x64' ? 'amd64' : process.arch}`;
      const only = `-Dmdep.unpack.includes=redis-server-*-${platform}`;
      const args = [...maven('tmdb/token-bucket/server/pom.xml', 'unpack-dependencies'), only];
      const list = join(root, 'tmdb/token-bucket/server/binaries.sha256');
      await download(home, args, log, () => verify(home, list, (file) => file.endsWith(platform)));
      const binary = readdirSync(home).find((file) => file.endsWith(platform));
      if (!binary)
        throw new MissingError(`Maven has no redis-server for ${platform}: install redis-server or valkey-server`);
      renameSync(join(home, binary), join(home, 'redis-server'));
      chmodSync(join(home, 'redis-server'), 0o755);
    },
  },
};

/**
 * Installs those of `names` (keys of `parts`) that are missing or out of date, in parallel.
 * @throws MissingError if the machine lacks a requirement, Error with the tool's output if an installation fails.
 */
export async function ensure(names) {
  await ensureParts(names);
  if (names.includes('npm')) linkExecutable();
}

/** npm links the executables of packages into `node_modules/.bin`, except those of the project itself. */
function linkExecutable() {
  const link = join(root, 'node_modules/.bin/tmdb-stream');
  if (existsSync(link)) return;
  mkdirSync(dirname(link), { recursive: true });
  rmSync(link, { force: true });
  symlinkSync('../../scripts/start.mjs', link);
}

async function ensureParts(names) {
  const todo = names.map((name) => ({ name, ...parts[name] })).filter((part) => !isCurrent(part));
  if (todo.length === 0) return;
  checkMachine(todo.map((part) => part.name));
  mkdirSync(tools, { recursive: true });
  const results = await Promise.allSettled(todo.map(installPart));
  const failed = results.find((result) => result.status === 'rejected');
  if (failed) throw failed.reason;
}

async function installPart(part) {
  const started = Date.now();
  process.stderr.write(`setup: installing ${part.what} (once)\n`);
  const logFile = join(tools, `${part.name}.log`);
  rmSync(part.stamp, { force: true });
  await part.install(logFile);
  mkdirSync(dirname(part.stamp), { recursive: true });
  writeFileSync(part.stamp, fingerprint(part.inputs));
  process.stderr.write(`setup: installed ${part.what} in ${Math.round((Date.now() - started) / 1000)} s\n`);
}

const isCurrent = ({ stamp, inputs }) => existsSync(stamp) && readFileSync(stamp, 'utf8') === fingerprint(inputs);

const fingerprint = (inputs) => {
  const hash = createHash('sha256');
  for (const input of inputs) hash.update(readFileSync(join(root, input)));
  return hash.digest('hex');
};

/** In our own folder: Maven and other tools read settings from the folder in which they are started. */
const succeeds = (command, args) =>
  spawnSync(command, args, { stdio: 'ignore', cwd: root, env: childEnvironment(command) }).status === 0;

function checkMachine(names) {
  const missing = [];
  if (names.includes('kafka') && !javaIsThere()) missing.push(javaHint);
  if (names.includes('kafka') && !succeeds('mvn', ['--version'])) missing.push(mavenHint);
  if (names.includes('redis') && !(javaIsThere() && succeeds('mvn', ['--version']))) missing.push(redisHint);
  const minor = Math.max(...names.map((name) => parts[name].minor ?? 0));
  if (minor > 0 && !findPythonOrNull(minor)) missing.push(pythonHint(minor));
  if (missing.length > 0) throw new MissingError(missing.join('\n'));
}

const javaHint =
  'Java 17 or newer is missing: apt-get install openjdk-17-jre-headless (or brew install openjdk@17), or set KAFKA_BROKERS to a broker you have';
const mavenHint =
  'Maven is missing: apt-get install maven (or brew install maven), or set KAFKA_BROKERS to a broker you have';
const redisHint =
  'A Redis server is missing, which Maven downloads: apt-get install openjdk-17-jre-headless maven (or brew install openjdk@17 maven)';
const pythonHint = (minor) =>
  `Python 3.${minor} or newer is missing: apt-get install python3 python3-venv (or brew install python)`;

function javaIsThere() {
  const { status, stderr } = spawnSync('java', ['-version'], {
    encoding: 'utf8',
    cwd: root,
    env: childEnvironment('java'),
  });
  return status === 0 && Number(/version "(\d+)/.exec(stderr)?.[1]) >= 17;
}

/** Whether the broker is installed, or can be installed. */
export const canRunJars = () => isCurrent(parts.kafka) || (javaIsThere() && succeeds('mvn', ['--version']));

const findPythonOrNull = (minor) =>
  ['python3', 'python3.14', 'python3.13', 'python3.12', 'python3.11', 'python3.10', 'python'].find((python) =>
    succeeds(python, ['-c', `import sys; sys.exit(sys.version_info < (3, ${minor}))`]),
  );

function findPython(minor) {
  const python = findPythonOrNull(minor);
  if (!python) throw new MissingError(pythonHint(minor));
  return python;
}

function run(command, args, logFile, hint, env = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd: root,
      env: { ...childEnvironment(command), ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const output = [];
    child.stdout.on('data', (data) => output.push(data));
    child.stderr.on('data', (data) => output.push(data));
    child.on('error', (error) => reject(new MissingError(`${command} cannot be run: ${error.message}`)));
    child.on('close', (code) => {
      try {
        writeFileSync(logFile, Buffer.concat(output));
      } catch (error) {
        return reject(error);
      }
      if (code === 0) return resolve();
      const tail = Buffer.concat(output).toString().trim().split('\n').slice(-15).join('\n');
      reject(new Error(`${hint ?? `${command} ${args.join(' ')} failed (exit code ${code})`}\n${tail}`));
    });
  });
}

/** The Node for the sources: this one if it is new enough, otherwise the one from the npm packages. */
export function node() {
  if (Number(process.versions.node.split('.')[0]) >= 24) return process.execPath;
  const installed = join(root, 'node_modules/.bin/node');
  if (!existsSync(installed)) throw new MissingError(nodeHint);
  return installed;
}

const nodeHint =
  'Node 24 is missing and not among the npm packages for this platform: install it (nvm install 24, brew install node@24)';

/** Our environment, with the project's tools first on the PATH. */
export const projectEnvironment = () => ({
  ...process.env,
  PATH: [dirname(node()), join(root, 'node_modules/.bin'), process.env.PATH].join(':'),
});

/**
 * Runs a command in the project folder with the project's tools first on the PATH; forwards signals to it.
 * @returns its exit code (128 + n if signal n ended it).
 */
export function exec(command, args, env = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: 'inherit', env: { ...projectEnvironment(), ...env } });
    // A terminal sends Ctrl-C to the whole group, `kill` only to this process: forward the latter, and outlive both.
    process.on('SIGINT', () => {});
    process.on('SIGTERM', () => child.kill('SIGTERM'));
    child.on('error', reject);
    child.on('close', (code, signal) => resolve(code ?? 128 + constants.signals[signal]));
  });
}

/** The parts that the tests need, without a broker if one exists or only Docker can run one. */
export const testParts = () => [
  ...['npm', 'dbt', 'lint', 'redis', 'snowflake'],
  ...(process.env.KAFKA_BROKERS || !canRunJars() ? [] : ['kafka']),
];

/** Installs `parts`, runs `test/runner/run-NAME.ts` with the arguments of this process, and exits with its code. */
export async function runTests(name, parts = testParts()) {
  await ensure(parts).catch(fail);
  process.exit(await exec(node(), [join(root, 'test/runner', `run-${name}.ts`), ...process.argv.slice(2)]));
}

/** npm, pip and Maven print foreign text, which must not control the terminal. */
const escapeLines = (text) =>
  text.replace(/[^\n\P{Cc}]|[\p{Cf}\p{Zl}\p{Zp}]/gu, (found) =>
    Array.from(
      { length: found.length },
      (_, unit) => `\\u${found.charCodeAt(unit).toString(16).padStart(4, '0')}`,
    ).join(''),
  );

/** What the user can do about a file or folder that cannot be written. */
const adviceFor = ({ code }) => {
  if (['EACCES', 'EPERM', 'EROFS'].includes(code)) {
    return `; the tools are installed into ${root}: give this user the right to write there, or run it once as its owner`;
  }
  return ['ENOSPC', 'EDQUOT'].includes(code) ? '; make room' : '';
};

/** Why the set-up failed, and what the user can do about it. */
export const explain = (error) => {
  const text = `${error instanceof MissingError ? 'missing: ' : 'setup failed: '}${error.message}${adviceFor(error)}`;
  return `${escapeLines(text)}\n`;
};

/** Prints why the set-up failed, and ends. */
export function fail(error) {
  process.stderr.write(explain(error));
  process.exit(1);
}
