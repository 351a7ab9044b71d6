import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { serverProperties } from '../../kafka/broker/properties.ts';
import { loadConfig } from '../../platform/config.ts';
import { parseDuration } from '../../runtime/units.ts';
import { invocationOf } from '../support/commands/command-line.ts';
import {
  type Compose,
  complaintsAbout,
  interpolate,
  isOurs,
  knownVariables,
  parseMemory,
  type Service,
  wordsOf,
} from '../support/deploy/compose.ts';

import { environmentOf, parseDockerfile, stageOf } from '../support/deploy/dockerfile.ts';
import { lint, read, readYaml } from '../support/deploy/project.ts';

const compose = readYaml<Compose>('docker-compose.yml');
const services = Object.entries(compose.services);
const processes = services.filter(([, service]) => isOurs(service));
const imageEnvironment = environmentOf(stageOf(parseDockerfile(read('Dockerfile'))));

describe('docker-compose.yml', () => {
  it('is valid under the Compose specification', () => {
    expect(lint('check-jsonschema', '--builtin-schema', 'vendor.compose-spec', 'docker-compose.yml')).toBe('');
  });

  it('has the whole fleet', () => {
    expect(processes.map(([name]) => name)).toEqual([
      'producer-popular',
      'producer-changes',
      'producer-export',
      'producer-genres',
      'fetcher',
      'loader',
      'scheduler',
      'dashboard',
      'sandbox',
    ]);
    expect(services.filter(([, service]) => !isOurs(service)).map(([name]) => name)).toEqual([
      'kafka',
      'valkey',
      'prometheus',
      'superset',
    ]);
  });

  it.each(processes)('gives %s the same name as its log', (name, { command }) => {
    expect(invocationOf(wordsOf(command)).service).toBe(name);
  });

  it('starts two fetchers, or as many as FETCHERS says, so that the next `up` keeps them', () => {
    const replicas = String(compose.services['fetcher']?.deploy?.replicas);
    expect(interpolate(replicas)).toBe('2');
    expect(interpolate(replicas, { FETCHERS: '4' })).toBe('4');
  });

  it('builds each image once, so that a second `up --build` recreates nothing', () => {
    for (const file of [compose, readYaml<Compose>('deploy/snowflake.yml')]) {
      const built = Object.values(file.services).filter(({ build }) => build !== undefined);
      // The overlay changes the settings of Superset, not its image.
      const images = Object.values(file.services).map((service) => service.image ?? '');
      const ours = images.filter((image) => image.startsWith('tmdb-stream'));
      expect(built.map(({ image }) => image)).toEqual([...new Set(ours)]);
    }
  });

  it('fits a laptop of 8 GB: the limits of the fleet and the sandbox leave it 2 GB', () => {
    // The producers of the whole catalogue are for a machine with room for its data.
    const optional = ['prometheus', 'superset', 'producer-changes', 'producer-export'];
    const limits = services.map(([name, { deploy }]) => {
      const replicas = Number(interpolate(String(deploy?.replicas ?? 1)));
      return optional.includes(name)
        ? 0
        : replicas * parseMemory(interpolate(String(deploy?.resources?.limits?.['memory'])));
    });
    const gibibytes = limits.reduce((sum, bytes) => sum + bytes, 0) / 2 ** 30;
    expect(gibibytes).toBeGreaterThan(2);
    expect(gibibytes).toBeLessThan(6);
  });

  it('bounds a tmpfs by less than the memory of its container', () => {
    for (const [name, { tmpfs = [], deploy }] of services) {
      const sizes = tmpfs.map((mount) => parseMemory(/size=(\w+)/.exec(mount)?.[1] ?? ''));
      const memory = parseMemory(interpolate(String(deploy?.resources?.limits?.['memory'])));
      expect(
        sizes.reduce((sum, size) => sum + size, 0),
        name,
      ).toBeLessThan(memory / 2);
    }
  });

  it.each(services)('[S7] gives %s only the rights that it needs', (_, service) => {
    expect(complaintsAbout(service)).toEqual([]);
  });

  it.each<[string, Partial<Service>]>([
    ['no restart', { restart: undefined }],
    ['no limits', { deploy: {} }],
    ['a writable root', { read_only: false }],
    ['capabilities', { cap_drop: undefined }],
    ['new privileges', { security_opt: [] }],
    ['root', { user: undefined }],
    ['uid 0', { user: '0:0' }],
    ['no health check', { image: 'other:1.0.0', healthcheck: undefined }],
    ['a health check that is switched off', { healthcheck: { disable: true } }],
    ['an image without a version', { image: 'kafka', healthcheck: { test: ['CMD', 'true'] } }],
    ['the latest image', { image: 'apache/kafka:latest', healthcheck: { test: ['CMD', 'true'] } }],
    ['a port on all interfaces', { ports: ['9464:9464'] }],
    ['an endless log', { logging: undefined }],
    ['a writable folder of the machine', { volumes: ['./data:/data'] }],
    ['a name that all replicas share', { hostname: 'loader' }],
    ['privileges', { privileged: true }],
    ['a tmpfs without a size', { tmpfs: ['/tmp'] }],
    ['a tmpfs of another owner', { tmpfs: ['/tmp:size=1m', '/opt/x:size=1m'] }],
    ['a tmpfs of another group', { tmpfs: ['/tmp:size=1m', '/opt/x:size=1m,uid=10001,gid=1000'] }],
    ['core dumps', { ulimits: undefined }],
    ['an image of ours from a registry', { pull_policy: undefined }],
    ['a build that is pulled', { build: '.' }],
    ['a setting of newer engines', { healthcheck: { test: ['CMD', 'true'], start_interval: '5s' } }],
    ['a health check that starts a JVM', { healthcheck: { test: ['CMD-SHELL', '/opt/kafka/bin/kafka-topics.sh'] } }],
    ['a secret', { environment: { TMDB_TOKEN: 'x' } }],
    ['a password in an address', { environment: { TOKEN_BUCKET_URL: 'redis://:x@valkey:6379' } }],
  ])('[S2 S7] fails the checks with %s', (_, change) => {
    expect(complaintsAbout({ ...(compose.services['loader'] as Service), ...change })).toHaveLength(1);
  });

  it('gives access to the outside only to services that call TMDb or that a browser opens', () => {
    expect(compose.networks['inside']?.internal).toBe(true);
    const outside = services.filter(([, { networks }]) => networks.includes('outside')).map(([name]) => name);
    expect(outside).toEqual([
      ...['producer-popular', 'producer-changes', 'producer-export', 'producer-genres'],
      ...['fetcher', 'dashboard', 'prometheus', 'superset'],
    ]);
  });

  it('waits for the dependencies of a service, and for a sandbox only if there is one', () => {
    for (const [name, { depends_on = {} }] of services) {
      for (const [dependency, { condition, required }] of Object.entries(depends_on)) {
        expect(condition, name).toBe('service_healthy');
        expect(required ?? true, name).toBe(compose.services[dependency]?.profiles === undefined);
      }
    }
  });

  it('gives a draining service more time than its own limit', () => {
    for (const [name, { stop_grace_period, environment = {} }] of processes) {
      const own = parseDuration(interpolate(String(environment['DRAIN_TIMEOUT'] ?? '25s')));
      expect(parseDuration(stop_grace_period ?? ''), name).toBeGreaterThan(own ?? 0);
    }
  });
});

describe('the processes of docker-compose.yml', () => {
  const folder = mkdtempSync(join(tmpdir(), 'tmdb-stream-compose-'));
  const token = join(folder, 'token');
  writeFileSync(token, 'a-token\n');
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it.each(processes)('%s has the version of the project', (_, { image }) => {
    expect(image).toBe(`tmdb-stream:${JSON.parse(read('package.json')).version}`);
  });

  it.each(processes)('%s is an existing command with valid options', (_, service) => {
    const argv = wordsOf(service.command).map((word) => interpolate(word));
    expect(() => invocationOf(argv)).not.toThrow();
  });

  it.each(processes)('%s is set by variables that platform/config.ts knows', (_, service) => {
    const names = Object.keys({ ...service.environment, ...imageEnvironment }).filter((name) => !ofTheImage.has(name));
    expect(names.filter((name) => !knownVariables().has(name))).toEqual([]);
  });

  it.each(
    processes.flatMap(([name, service]) => [
      [name, '', service] as const,
      [name, 'deploy/sandbox.env', service] as const,
    ]),
  )('%s starts with valid settings %s', (_, envFile, service) => {
    const config = loadConfig(environmentFor(service, envFile === '' ? {} : readEnvFile(envFile)));
    expect(config.dataDir).toBe('/data');
    expect(config.httpListen).toEqual({ host: '0.0.0.0', port: 9464 });
  });

  it('do not fall back to invented movies when the token is missing', () => {
    writeFileSync(token, '');
    const environment = environmentFor(compose.services['fetcher'] as Service, {});
    expect(() => loadConfig(environment)).toThrow(/TMDB_TOKEN: needed/);
    writeFileSync(token, 'a-token\n');
  });

  it('use the sandbox by its name and limit, in a separate project with separate volumes', () => {
    const { COMPOSE_PROJECT_NAME, TMDB_BASE_URL = '' } = readEnvFile('deploy/sandbox.env');
    expect(COMPOSE_PROJECT_NAME).not.toBe(compose.name);
    const sandbox = compose.services['sandbox'] as Service;
    const port = wordsOf(sandbox.command).at(-1);
    expect(new URL(TMDB_BASE_URL).host).toBe(`sandbox:${port}`);
    expect(sandbox.environment?.['TMDB_RATE_LIMIT']).toBe(
      compose.services['fetcher']?.environment?.['TMDB_RATE_LIMIT'],
    );
  });

  /** Variables of the image that belong to Node, Python or the system. */
  const ofTheImage = new Set(['PATH', 'NODE_ENV', 'PYTHONDONTWRITEBYTECODE', 'HOME']);

  function environmentFor(service: Service, variables: Readonly<Record<string, string>>): NodeJS.ProcessEnv {
    const own = Object.entries(service.environment ?? {}).map(([name, value]) => [
      name,
      interpolate(String(value), variables),
    ]);
    const environment = { ...imageEnvironment, ...Object.fromEntries(own) };
    const file = environment['TMDB_TOKEN_FILE'];
    if (file === undefined) return environment;
    expect(service.secrets?.map((secret) => `/run/secrets/${secret}`)).toContain(file);
    return { ...environment, TMDB_TOKEN_FILE: token };
  }
});

const readEnvFile = (file: string): Record<string, string> =>
  Object.fromEntries(
    read(file)
      .split('\n')
      .filter((line) => /^\w+=/.test(line))
      .map((line) => line.split(/=(.*)/).slice(0, 2)),
  );

describe('deploy/snowflake.yml', () => {
  const overlay = readYaml<Pick<Compose, 'services'>>('deploy/snowflake.yml');
  const folder = mkdtempSync(join(tmpdir(), 'compose-snowflake-'));
  const keyFile = join(folder, 'key.p8');
  writeFileSync(
    keyFile,
    generateKeyPairSync('rsa', { modulusLength: 2_048 }).privateKey.export({ type: 'pkcs8', format: 'pem' }),
  );
  afterAll(() => rmSync(folder, { recursive: true }));

  it('is valid under the Compose specification', () => {
    expect(lint('check-jsonschema', '--builtin-schema', 'vendor.compose-spec', 'deploy/snowflake.yml')).toBe('');
  });

  it.each(Object.entries(overlay.services).filter(([name]) => name !== 'superset'))(
    'has %s log in as a user of its own, by its own key, and reach Snowflake',
    (name, service) => {
      expect(service.image).toBe(`${compose.services[name]?.image}-snowflake`);
      const environment = { ...compose.services[name]?.environment, ...service.environment };
      const values = Object.entries(environment).map(([variable, value]) => {
        expect(knownVariables()).toContain(variable);
        return [variable, interpolate(String(value), { SNOWFLAKE_ACCOUNT: 'ORG-ACCOUNT' })];
      });
      const login = { loader: 'loader', scheduler: 'dbt', dashboard: 'dashboard' }[name] ?? '';
      const file = `/run/secrets/snowflake_${login}_key`;
      expect(service.secrets?.map((secret) => `/run/secrets/${secret}`)).toEqual([file]);
      expect(environment['SNOWFLAKE_PRIVATE_KEY_FILE']).toBe(file);
      expect(service.networks ?? compose.services[name]?.networks).toContain('outside');
      const config = loadConfig({ ...Object.fromEntries(values), SNOWFLAKE_PRIVATE_KEY_FILE: keyFile });
      expect(config.warehouse.snowflake).toMatchObject({
        account: 'ORG-ACCOUNT',
        user: `LECTURE_${login.toUpperCase()}`,
        credentials: { kind: 'key pair' },
      });
      expect(config.load.maxAgeMs).toBe(name === 'loader' ? 900_000 : config.load.maxAgeMs);
    },
  );

  it('concerns exactly the services that use the warehouse', () => {
    const users = services.filter(([, { environment = {} }]) => 'WAREHOUSE' in environment).map(([name]) => name);
    expect(Object.keys(overlay.services)).toEqual([...users, 'dashboard', 'superset']);
  });
});

describe('the broker of docker-compose.yml', () => {
  /** Settings that differ in a container, or that only matter for a broker that is started for a single run. */
  const another = new Set([
    ...['listeners', 'advertised.listeners', 'controller.quorum.voters', 'log.dirs'],
    ...['broker.session.timeout.ms', 'broker.heartbeat.interval.ms', 'group.initial.rebalance.delay.ms'],
    ...['group.min.session.timeout.ms', 'log.cleaner.dedupe.buffer.size'],
  ]);

  it('has the settings of the broker that we start ourselves', () => {
    const ours = serverProperties('/log', { client: 1, controller: 2 }).trim().split('\n');
    const wanted = Object.fromEntries(
      ours.map((line) => line.split(/=(.*)/).slice(0, 2)).filter(([name = '']) => !another.has(name)),
    );
    const given = Object.entries(compose.services['kafka']?.environment ?? {})
      .filter(([name]) => name.startsWith('KAFKA_') && name !== 'KAFKA_HEAP_OPTS')
      .map(([name, value]) => [name.slice('KAFKA_'.length).toLowerCase().replaceAll('_', '.'), String(value)] as const);
    expect(Object.fromEntries(given.filter(([name]) => !another.has(name)))).toEqual(wanted);
  });
});
