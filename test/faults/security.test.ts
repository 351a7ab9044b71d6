import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';
import { loadConfig } from '../../platform/config.ts';
import { systemClock } from '../../runtime/clock.ts';
import { Health } from '../../runtime/health.ts';
import { startHealthServer } from '../../runtime/health-server.ts';
import { createMetrics } from '../../runtime/metrics.ts';
import { parseFaults } from '../../sandbox/fault.ts';
import { startSandbox } from '../../sandbox/server.ts';
import { outcomeOf, Workspace } from '../support/processes/cli.ts';
import { until } from '../support/processes/fleet.ts';
import { childrenOf, programsBelow } from '../support/processes/process-tree.ts';

const root = join(import.meta.dirname, '../..');
const read = (file: string) => readFileSync(join(root, file), 'utf8');

describe('a secret', () => {
  it('is not passed to the processes that we start', () => {
    const canary = 'canary-5f0d1c77';
    const set = {
      TMDB_TOKEN: canary,
      TMDB_API_KEY: canary,
      KAFKA_USERNAME: 'someone',
      KAFKA_PASSWORD: canary,
      TOKEN_BUCKET_URL: `redis://:${canary}@127.0.0.1:6379`,
      AWS_SECRET_ACCESS_KEY: canary,
      SNOWFLAKE_TOKEN: canary,
      SNOWFLAKE_PASSWORD: canary,
      SNOWFLAKE_PRIVATE_KEY: canary,
      SNOWFLAKE_PRIVATE_KEY_PASSPHRASE: canary,
      SOMETHING_NEW: canary,
    };
    const { childEnvironment } = loadConfig({ ...process.env, ...set });
    expect(Object.keys(childEnvironment)).toContain('PATH');
    expect(JSON.stringify(childEnvironment)).not.toContain(canary);
  });

  it.runIf(process.platform === 'linux')(
    '[P15 S2] is not in the environment of any process that a run starts',
    { tags: ['full'], timeout: 240_000 },
    async () => {
      const canary = 'canary-2b7d90e3';
      await using sandbox = await startSandbox({ limit: { capacity: 500, windowMs: 1_000 }, token: canary });
      using workspace = new Workspace(
        { TMDB_BASE_URL: sandbox.url, TMDB_TOKEN: canary, TMDB_RATE_LIMIT: '500/1s' },
        { ownDbt: true },
      );
      const run = workspace.start(['run', '--once', '--pages', '1']);
      const ended = outcomeOf(run);
      const names = new Set<string>();
      const leaks = new Map<string, string>();
      while (run.exitCode === null && run.signalCode === null) {
        for (const { key, name, environment } of programsBelow(run.pid ?? 0)) {
          names.add(name);
          if (environment.includes(canary)) leaks.set(key, name);
        }
        await delay(5);
      }
      expect((await ended).code).toBe(0);
      expect([...names]).toEqual(expect.arrayContaining(['java', 'python']));
      expect([...leaks.values()]).toEqual([]);
    },
  );

  it.runIf(process.platform === 'linux')(
    'is detected in the environment of any program, and of a child only after it has loaded its own program',
    async () => {
      const canary = 'canary-91c7e0aa';
      // The part in parentheses is a child of the shell that never loads another program.
      const shell = spawn('sh', ['-c', '(read -r line; :); :'], {
        env: { PATH: process.env['PATH'], LEAK: canary },
        stdio: ['pipe', 'ignore', 'ignore'],
      });
      await until('the shell has a child', () => childrenOf(shell.pid ?? 0).length > 0, {
        timeoutMs: 10_000,
        pollMs: 5,
      });
      const leaks = programsBelow(process.pid).filter(({ environment }) => environment.includes(canary));
      expect(leaks.map(({ name }) => name)).toEqual(['sh']);
      expect(programsBelow(shell.pid ?? 0)).toEqual([]);
      const exited = once(shell, 'exit');
      shell.stdin.end();
      await exited;
    },
  );

  /** Patterns of secrets: tokens of three parts, private keys, keys of cloud providers and of TMDb's older API. */
  const looksSecret = [
    /\beyJ[\w-]{15,}\.[\w-]{15,}\.[\w-]{15,}/,
    /-----BEGIN [A-Z ]*PRIVATE KEY-----/,
    /\bAKIA[0-9A-Z]{16}\b/,
    /\b(?:ghp|gho|ghs|npm|xox[abp])_[\w]{30,}/,
    /\bapi_key\s*[=:]\s*['"]?[0-9a-f]{32}\b/i,
    /\b(?:TMDB_TOKEN|TMDB_API_KEY|KAFKA_PASSWORD|SNOWFLAKE_\w*(?:TOKEN|PASSWORD|PASSPHRASE))\s*[=:]\s*['"]?[\w-]{24,}/,
  ];

  it.runIf(existsSync(join(root, '.git')))('[S2] was never committed, and neither was a file for secrets', () => {
    const git = (...args: string[]) => execFileSync('git', args, { cwd: root, encoding: 'utf8', maxBuffer: 2 ** 30 });
    const found = git('log', '--patch', '--unified=0', '--format=')
      .split('\n')
      .filter((line) => line.startsWith('+') && looksSecret.some((pattern) => pattern.test(line)));
    expect(found).toEqual([]);
    expect(git('ls-files', '.env', 'deploy/secrets')).toBe('deploy/secrets/.gitignore\n');
    expect(git('check-ignore', '.env', 'deploy/secrets/tmdb_token', 'data/x').trim().split('\n')).toHaveLength(3);
  });

  it('is detected by these patterns', () => {
    const samples = [
      `eyJhbGciOiJIUzI1NiJ9.${'a'.repeat(30)}.${'b'.repeat(30)}`,
      `api_key=${'0a'.repeat(16)}`,
      `TMDB_TOKEN=${'x'.repeat(30)}`,
      `SNOWFLAKE_PRIVATE_KEY_PASSPHRASE: "${'x'.repeat(30)}"`,
      `-----BEGIN ${'ENCRYPTED'} PRIVATE KEY-----`,
    ];
    for (const sample of samples) expect(looksSecret.some((pattern) => pattern.test(sample))).toBe(true);
  });
});

describe('installed software', () => {
  const installers = ['scripts/setup.mjs', 'Dockerfile'];

  it('[S6] from npm is exactly what was reviewed: each package is pinned, has a hash, and runs no install script', () => {
    const { dependencies, devDependencies, optionalDependencies } = JSON.parse(read('package.json'));
    const versions = Object.values<string>({ ...dependencies, ...devDependencies, ...optionalDependencies });
    expect(versions.filter((version) => !/^\d+\.\d+\.\d+(?:-[\w.]+)?$/.test(version))).toEqual([]);
    const { packages } = JSON.parse(read('package-lock.json')) as {
      packages: Record<string, { integrity?: string; resolved?: string; link?: boolean }>;
    };
    const locked = Object.entries(packages).filter(([path]) => path !== '');
    expect(locked.length).toBeGreaterThan(100);
    expect(locked.filter(([, { integrity }]) => !integrity?.startsWith('sha512-')).map(([path]) => path)).toEqual([]);
    // From the registry that the installing user has chosen, never from a repository or a file.
    expect(locked.filter(([, { resolved, link }]) => link || /^(?:git|file|http:)/.test(resolved ?? ''))).toEqual([]);
    for (const file of installers) {
      const installs = read(file).match(/npm ci\b.*|'npm', \['ci'.*/g) ?? [];
      expect(installs, file).toHaveLength(1);
      expect(installs[0], file).toContain('--ignore-scripts');
    }
  });

  it.each([
    'dbt/requirements.txt',
    'dbt/requirements-duckdb.txt',
    'dbt/requirements-lint.txt',
    'test/support/snowflake/emulator/requirements.txt',
    'bench/peers/requirements.txt',
  ])('[S6] for Python is pinned by version and hash: %s', (file) => {
    const requirements = read(file)
      .replace(/\\\n/g, ' ')
      .split('\n')
      .filter((line) => /^\w/.test(line));
    expect(requirements.length).toBeGreaterThan(10);
    const loose = requirements.filter((line) => !/^[\w.[\]-]+==[\w.]+ .*--hash=sha256:[0-9a-f]{64}/.test(line));
    expect(loose).toEqual([]);
    for (const installer of installers) expect(read(installer)).toContain('--require-hashes');
  });

  it.each(['kafka/broker/pom.xml', 'tmdb/token-bucket/server/pom.xml'])(
    '[S6] from Maven is pinned by version: %s',
    (file) => {
      const versions = [...read(file).matchAll(/<(?:[\w.]+\.)?version>([^<]+)</g)].map(([, version = '']) => version);
      expect(versions.length).toBeGreaterThan(1);
      expect(versions.filter((version) => !/^(?:[\d.]+(?:-\d+)?|\$\{[\w.]+\})$/.test(version))).toEqual([]);
    },
  );

  it('[S6] in containers is pinned by version', () => {
    const images = [
      ...read('docker-compose.yml').matchAll(/^\s*image: (\S+)/gm),
      ...read('Dockerfile').matchAll(/^FROM (\S+:\S+)/gm),
    ];
    expect(images.length).toBeGreaterThan(3);
    expect(images.map(([, image]) => image).filter((image) => !/:v?\d+\.\d+/.test(image ?? ''))).toEqual([]);
  });
});

describe('the health server', () => {
  const opened: (() => void)[] = [];
  afterEach(() => {
    for (const close of opened.splice(0)) close();
  });

  const start = async () => {
    const server = await startHealthServer(
      { host: '127.0.0.1', port: 0 },
      new Health(systemClock),
      createMetrics('0').registry,
    );
    opened.push(() => void server[Symbol.asyncDispose]());
    return server;
  };
  const socketTo = (url: string, text: string) => {
    const socket = connect(Number(new URL(url).port), '127.0.0.1');
    socket.on('error', () => {}).resume();
    socket.write(text);
    opened.push(() => socket.destroy());
    return socket;
  };

  /**
   * The longest time that the process worked between two ticks of a timer, in ms of CPU time: on a busy machine, the process
   * also waits for a core.
   */
  const longestWorkDuring = async (work: () => Promise<unknown>): Promise<number> => {
    let last = process.cpuUsage();
    let longest = 0;
    const timer = setInterval(() => {
      const { user, system } = process.cpuUsage(last);
      longest = Math.max(longest, (user + system) / 1_000);
      last = process.cpuUsage();
    }, 5);
    await work();
    clearInterval(timer);
    return longest;
  };

  it('[S9] answers a flood of requests without keeping the process from its work', async () => {
    const { url } = await start();
    const longest = await longestWorkDuring(async () => {
      const one = () =>
        fetch(`${url}/metrics`).then(
          (response) => response.text(),
          () => '',
        );
      for (let round = 0; round < 20; round += 1) await Promise.all(Array.from({ length: 50 }, one));
    });
    console.info(
      `a flood of 1,000 requests kept the process from its work for ${longest.toFixed(0)} ms of CPU at most`,
    );
    expect(longest).toBeLessThan(500);
    expect((await fetch(`${url}/healthz`)).status).toBe(200);
  });

  it('[S9] disconnects clients that send nothing or never finish, and answers others soon', async () => {
    const { url } = await start();
    const beginnings = ['', 'GET /healthz HTTP/1.1\r\nx: ', 'POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\n'];
    for (let client = 0; client < 300; client += 1) socketTo(url, beginnings[client % 3] ?? '');
    await delay(500);
    const startedAt = performance.now();
    await until(
      'it answers',
      () =>
        fetch(`${url}/healthz`).then(
          ({ ok }) => ok,
          () => false,
        ),
      { timeoutMs: 6_000 },
    );
    console.info(`answered after ${((performance.now() - startedAt) / 1_000).toFixed(1)} s among 300 clients`);
  }, 30_000);

  it.each([
    ['a header of a megabyte', `GET /healthz HTTP/1.1\r\nx: ${'a'.repeat(1_000_000)}\r\n\r\n`],
    ['a path of a megabyte', `GET /${'a'.repeat(1_000_000)} HTTP/1.1\r\nhost: x\r\n\r\n`],
    ['a hundred thousand headers', `GET /healthz HTTP/1.1\r\n${'x: y\r\n'.repeat(100_000)}\r\n`],
    ['bytes that are not HTTP', `\x16\x03\x01${'\0'.repeat(5_000)}`],
    ['a path to parent folders', 'GET /../../../etc/passwd HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n'],
    ['a path with line breaks', 'GET /%0d%0aset-cookie:x HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n'],
  ])('[S9] refuses %s', async (_, text) => {
    const { url } = await start();
    const socket = socketTo(url, text);
    let answer = '';
    socket.on('data', (data) => {
      answer += data;
    });
    await new Promise((resolve) => socket.once('close', resolve));
    expect(answer).toMatch(/^(?:HTTP\/1\.1 4\d\d|$)/);
    expect(answer).not.toMatch(/root:|^set-cookie/m);
    expect((await fetch(`${url}/healthz`)).status).toBe(200);
  });
});

describe('foreign text', () => {
  /** Starts a new line, clears the screen, in seven and in eight bits, and reverses the following text. */
  const hostile = 'Up\r\n{"level":60,"msg":"forged"}\n\u001b[2J\u001b]0;x\u0007\u009b31m\u007f\u2028\u202e';
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these characters must not occur
  const controls = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/;

  it('[S10] is logged in one line of plain characters, from which the original text can be read', () => {
    const logger = pathToFileURL(join(root, 'runtime/logger.ts')).href;
    const code = `import { createLogger } from '${logger}';
      createLogger('info', []).warn({ title: ${JSON.stringify(hostile)}, error: ${JSON.stringify(hostile)} }, ${JSON.stringify(hostile)});`;
    const { stderr } = spawnSync(process.execPath, ['--input-type=module', '--eval', code], { encoding: 'utf8' });
    expect(stderr.trimEnd().split('\n')).toHaveLength(1);
    expect(stderr).not.toMatch(controls);
    expect(JSON.parse(stderr)).toMatchObject({ level: 40, title: hostile, error: hostile, msg: hostile });
  });

  it('[S10] cannot control a terminal when it makes a command fail', async () => {
    await using sandbox = await startSandbox({ limit: null });
    sandbox.setFaults([{ kind: 'body', body: hostile, path: '/movie/popular' }]);
    using workspace = new Workspace({ TMDB_BASE_URL: sandbox.url, TMDB_TOKEN: 'made-up' });
    const { code, stderr } = await workspace.run(['produce', 'popular'], { LOG_LEVEL: 'trace' });
    expect(code).toBe(1);
    expect(stderr).toContain('is not valid JSON');
    expect(stderr).not.toMatch(controls);
  }, 60_000);
});

describe('names that have a meaning in JavaScript', () => {
  const odd = JSON.parse('{"__proto__":{"polluted":1},"constructor":"x","toString":"y","PAGES":"__proto__"}');
  const asUsual = JSON.stringify(Object.getOwnPropertyNames(Object.prototype));

  it('[R49 S12] have no effect in the environment, and are not accepted as faults or commands', () => {
    expect(loadConfig({ ...odd }).origin).toBe('generated');
    for (const name of ['__proto__', 'constructor', 'hasOwnProperty']) {
      expect(() => parseFaults(`[{"kind":"${name}"}]`)).toThrow('kind is one of');
      const command = () =>
        execFileSync(process.execPath, [join(root, 'cli.ts'), name], { cwd: '/', stdio: 'pipe', encoding: 'utf8' });
      expect(command).toThrow(`unknown command '${name}'`);
    }
    expect(JSON.stringify(Object.getOwnPropertyNames(Object.prototype))).toBe(asUsual);
    expect(Object.keys({ ...{} })).not.toContain('polluted');
  });
});
