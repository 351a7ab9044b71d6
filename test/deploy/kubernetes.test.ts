import { spawnSync } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { loadConfig } from '../../platform/config.ts';
import { parseDuration } from '../../runtime/units.ts';
import { type Compose, interpolate, isOurs, knownVariables, type Service, wordsOf } from '../support/deploy/compose.ts';
import { environmentOf, parseDockerfile, stageOf } from '../support/deploy/dockerfile.ts';
import {
  type Container,
  type Installation,
  installations,
  manifestFiles,
  manifestsOf,
  type PodSpec,
  type Process,
  processesOf,
  secretsOf,
  unlistedFiles,
  validator,
  variablesOf,
  volumeAt,
} from '../support/deploy/kubernetes.ts';
import { allowed, complaintsAbout } from '../support/deploy/kubernetes-rights.ts';
import { lint, read, readYaml, readYamlDocuments, root } from '../support/deploy/project.ts';

const compose = readYaml<Compose>('docker-compose.yml');
const overlay = readYaml<Pick<Compose, 'services'>>('deploy/snowflake.yml');
const imageEnvironment = environmentOf(stageOf(parseDockerfile(read('Dockerfile'))));

const manifests = Object.fromEntries(installations.map((name) => [name, manifestsOf(name)])) as Record<
  Installation,
  ReturnType<typeof manifestsOf>
>;

/** Each process of each installation. */
const all = installations.flatMap((installation) =>
  processesOf(manifests[installation]).map((process) => ({
    name: process.container.name,
    installation,
    process,
    variables: variablesOf(process.container, manifests[installation]),
  })),
);
const cases = all.map((each) => [each.name, each.installation, each] as const);

const processOf = (installation: Installation, name: string): Process => {
  const found = all.find((each) => each.installation === installation && each.name === name);
  if (found === undefined) throw new Error(`${installation} has no ${name}`);
  return found.process;
};

/** The service of the compose files, with all optional producers. */
function serviceOf(name: string, installation: Installation): Service {
  const service = compose.services[name] as Service;
  const changes = installation === 'snowflake' ? overlay.services[name] : undefined;
  const limits = { ...service.deploy?.resources?.limits, ...changes?.deploy?.resources?.limits };
  const environment = { ...service.environment, ...changes?.environment };
  return { ...service, ...changes, environment, deploy: { ...service.deploy, resources: { limits } } } as Service;
}

/** `512m` as Kubernetes writes it. */
const inKubernetes = (memory: unknown): string =>
  interpolate(String(memory), { PRODUCER_MEMORY: '512m' }).replace(/m$/, 'Mi').replace(/g$/, 'Gi');

const callsTmdb = (name: string): boolean => name.startsWith('producer-') || name === 'fetcher';

describe('the manifests of deploy/kubernetes', () => {
  it.each(installations)('%s has each service of docker-compose.yml, once', (installation) => {
    const wanted = Object.entries(compose.services).filter(([name, service]) => isOurs(service) && name !== 'sandbox');
    const found = all.filter((each) => each.installation === installation).map(({ name }) => name);
    expect(found.toSorted()).toEqual(wanted.map(([name]) => name).toSorted());
  });

  it('are all listed in a kustomization', () => {
    expect(unlistedFiles()).toEqual([]);
    expect(manifestFiles().length).toBeGreaterThan(10);
  });

  it('[R161] are valid under the schemas of Kubernetes', () => {
    expect(lint('python', validator, ...manifestFiles())).toBe('');
  });

  it.each<[what: string, file: string, from: string, to: string]>([
    ['an unknown key', 'base/fetcher.yml', 'failureThreshold: 3', 'failureThresholds: 3'],
    ['a value of another type', 'base/fetcher.yml', 'replicas: 2', 'replicas: two'],
    ['a missing key', 'duckdb/warehouse.yml', '  selector:\n    matchLabels', '  selectors:\n    matchLabels'],
    ['an unknown kind', 'base/fetcher.yml', 'kind: Deployment', 'kind: Deployments'],
    ['a setting that is no text', 'base/settings.yml', 'KAFKA_PARTITIONS: "4"', 'KAFKA_PARTITIONS: 4'],
  ])('fail the check with %s', (_, file, from, to) => {
    const text = read(join('deploy/kubernetes', file));
    expect(text).toContain(from);
    const copy = join(folder, 'copy.yml');
    writeFileSync(copy, text.replace(from, to));
    expect(lint('python', validator, copy)).toContain('exit code 1');
  });

  it.each(cases)('[R161] run %s (%s) with the command and the version of docker-compose.yml', (name, installation) => {
    const { container } = processOf(installation, name);
    const { command, image } = serviceOf(name, installation);
    expect(container.args).toEqual(wordsOf(command).map((word) => interpolate(word)));
    expect(container.image).toBe(`registry.example.com/${image}`);
  });

  it.each(cases)('[R161] give %s (%s) the settings of docker-compose.yml', (name, installation, { variables }) => {
    const { environment = {} } = serviceOf(name, installation);
    const { TOKEN_BUCKET_URL, ...wanted } = Object.fromEntries(
      Object.entries(environment).map(([variable, value]) => [variable, interpolate(String(value))]),
    );
    expect(TOKEN_BUCKET_URL).toBeDefined();
    const { KAFKA_USERNAME, HTTP_LISTEN, ...given } = variables;
    expect(['producer', 'fetcher', 'loader', 'scheduler', 'dashboard']).toContain(KAFKA_USERNAME);
    expect(name).toContain(KAFKA_USERNAME);
    expect(HTTP_LISTEN ?? imageEnvironment['HTTP_LISTEN']).toBe(`0.0.0.0:${portOf(installation, name)}`);
    expect(withoutEmpty(given)).toEqual({
      ...withoutEmpty(wanted),
      // Kafka and the token store are yours, with TLS and passwords.
      KAFKA_BROKERS: 'kafka-bootstrap.kafka:9093',
      KAFKA_SSL: 'true',
      KAFKA_PASSWORD_FILE: '/run/secrets/kafka_password',
      KAFKA_REPLICATION: '3',
      TOKEN_BUCKET_URL_FILE: '/run/secrets/token_bucket_url',
    });
  });

  it.each(cases)('start %s (%s) with valid settings', (_, installation, { process, variables }) => {
    const files = Object.entries(variables).filter(([name, value]) => name.endsWith('_FILE') && value !== '');
    const environment = { ...imageEnvironment, ...variables, SNOWFLAKE_ACCOUNT: 'ORG-ACCOUNT' };
    for (const [name] of files) Object.assign(environment, { [name]: secretFile(name) });
    expect(Object.keys(variables).filter((name) => !knownVariables().has(name))).toEqual([]);
    const config = loadConfig(environment);
    expect(config.dataDir).toBe('/data');
    expect(config.httpListen?.port).toBe(process.container.ports[0]?.containerPort);
    expect(config.kafka.sasl).toMatchObject({ mechanism: 'scram-sha-512' });
    if ('WAREHOUSE' in variables) expect(variables['WAREHOUSE']).toBe(installation);
  });

  it.each(cases)('[R161] limit %s (%s) as docker-compose.yml does', (name, installation, { process }) => {
    const { deploy, tmpfs = [] } = serviceOf(name, installation);
    const { cpus, memory } = deploy?.resources?.limits ?? {};
    const { requests, limits } = process.container.resources;
    expect(limits).toEqual({ cpu: cpus, memory: inKubernetes(memory) });
    // Memory that is not reserved can be taken by other pods.
    expect(requests.memory).toBe(limits.memory);
    for (const mount of tmpfs) {
      const [, path = '', size] = /^([^:]+):.*size=(\w+)$/.exec(mount) ?? [];
      expect(volumeAt(process, path)?.emptyDir, path).toEqual({ medium: 'Memory', sizeLimit: inKubernetes(size) });
    }
  });

  it.each(cases)('[R161] ask %s (%s) for its health as the image does', (_, __, { process }) => {
    const { container } = process;
    const [, text = ''] = /^HEALTHCHECK (.*?)\\?$/m.exec(read('Dockerfile')) ?? [];
    const option = (name: string) => Number.parseInt(new RegExp(`--${name}=(\\d+)`).exec(text)?.[1] ?? '', 10);
    const port = container.ports[0]?.name;
    const { startupProbe: startup, livenessProbe: liveness, readinessProbe: readiness } = container;
    expect(liveness).toEqual({
      httpGet: { path: '/healthz', port },
      periodSeconds: option('interval'),
      timeoutSeconds: option('timeout'),
      failureThreshold: option('retries'),
    });
    expect(startup.httpGet).toEqual(liveness.httpGet);
    expect(startup.periodSeconds * (startup.failureThreshold ?? 0)).toBe(option('start-period'));
    expect(readiness.httpGet).toEqual({ path: '/readyz', port });
    // A dependency has three seconds to answer.
    expect(readiness.timeoutSeconds).toBeGreaterThan(3);
  });

  it.each(cases)('[S7] give %s (%s) only the rights that it needs', (_, __, { process }) => {
    expect(complaintsAbout(process)).toEqual([]);
  });

  it.each<[string, { pod?: Partial<PodSpec> | object; container?: Partial<Container> | object }]>([
    ['root', { pod: { securityContext: security({ runAsNonRoot: false }) } }],
    ['another user', { pod: { securityContext: security({ runAsUser: 1_000 }) } }],
    ['another group', { pod: { securityContext: security({ fsGroup: 0 }) } }],
    ['every system call', { pod: { securityContext: security({ seccompProfile: { type: 'Unconfined' } }) } }],
    ['new privileges', { container: { securityContext: own({ allowPrivilegeEscalation: true }) } }],
    ['a writable root', { container: { securityContext: own({ readOnlyRootFilesystem: false }) } }],
    ['capabilities', { container: { securityContext: own({ capabilities: { drop: ['ALL'], add: ['NET_RAW'] } }) } }],
    ['a token for the API', { pod: { automountServiceAccountToken: undefined } }],
    ['addresses of services', { pod: { enableServiceLinks: undefined } }],
    ['no init', { pod: { shareProcessNamespace: undefined } }],
    ['no limits', { container: { resources: { requests: {}, limits: { cpu: '1' } } } }],
    ['a secret', { container: { env: [{ name: 'TMDB_TOKEN', value: 'x' }] } }],
    ['a secret by reference', { container: { env: [{ name: 'X', valueFrom: { secretKeyRef: { name: 'tmdb' } } }] } }],
    ['the network of its machine', { pod: { hostNetwork: true } }],
    ['a folder of its machine', { pod: { volumes: [{ name: 'x', hostPath: { path: '/' } }] } }],
    ['a disk without a limit', { pod: { volumes: [{ name: 'x', emptyDir: {} }] } }],
    ['an image of a registry that exists', { container: { image: 'tmdb-stream:0.1.0' } }],
  ])('[S7] fail the checks with %s', (_, { pod = {}, container = {} }) => {
    const process = processOf('duckdb', 'fetcher');
    const changed = {
      ...process,
      pod: { ...process.pod, ...pod },
      container: { ...process.container, ...container },
    } as Process;
    expect(complaintsAbout(changed)).toHaveLength(1);
  });

  it.each(cases)('[S2] give %s (%s) its secrets as files, each by reference', (name, installation, each) => {
    const { process, variables } = each;
    const files = Object.entries(variables).filter(([variable, value]) => variable.endsWith('_FILE') && value !== '');
    const given = secretsOf(process);
    expect(Object.keys(given).toSorted()).toEqual(files.map(([, file]) => file).toSorted());
    const login = { loader: 'loader', scheduler: 'dbt', dashboard: 'dashboard' }[name];
    expect(given).toEqual({
      '/run/secrets/kafka_password': `kafka-${variables['KAFKA_USERNAME']}/password`,
      '/run/secrets/token_bucket_url': 'token-store/url',
      ...(callsTmdb(name) && { '/run/secrets/tmdb_token': 'tmdb/token' }),
      ...(installation === 'snowflake' &&
        login && { [`/run/secrets/snowflake_${login}_key`]: `snowflake-${login}/key` }),
    });
    // Its group, and no other user.
    expect(volumeAt(process, '/run/secrets')?.projected?.defaultMode).toBe(0o440);
  });
});

describe('the pods of deploy/kubernetes', () => {
  it.each(cases)('[R162] give %s (%s) more time to stop than its drain takes', (name, installation, each) => {
    const graceMs = each.process.pod.terminationGracePeriodSeconds * 1_000;
    expect(graceMs).toBe(parseDuration(serviceOf(name, installation).stop_grace_period ?? ''));
    expect(graceMs).toBeGreaterThan(parseDuration(each.variables['DRAIN_TIMEOUT'] ?? '') ?? Number.NaN);
  });

  it.each(installations)('[R162] %s never scales by lag, because all processes share one limit', (installation) => {
    const kinds = new Set(manifests[installation].map(({ kind }) => kind));
    expect([...kinds].toSorted()).toEqual([
      ...['ConfigMap', 'Deployment', 'Namespace', 'NetworkPolicy', 'PodDisruptionBudget', 'Service'],
      ...(installation === 'duckdb' ? ['StatefulSet'] : []),
    ]);
    const replicas = all
      .filter((each) => each.installation === installation && each.process.workload.spec.replicas !== 1)
      .map(({ name, process }) => [name, process.workload.spec.replicas]);
    expect(replicas).toEqual([['fetcher', Number(interpolate(String(compose.services['fetcher']?.deploy?.replicas)))]]);
  });

  it.each(installations)(
    '[R162] %s lets a drain evict one ready fetcher at a time, and blocks no drain',
    (installation) => {
      const budgets = manifests[installation].filter(({ kind }) => kind === 'PodDisruptionBudget');
      const { labels } = processOf(installation, 'fetcher');
      expect(budgets.map(({ spec }) => spec)).toEqual([
        { maxUnavailable: 1, unhealthyPodEvictionPolicy: 'AlwaysAllow', selector: { matchLabels: labels } },
      ]);
    },
  );

  it('[R162] that open the DuckDB file are one pod, whose volume no other pod can have', () => {
    const users = all.filter((each) => each.installation === 'duckdb' && !callsTmdb(each.name));
    const workloads = new Set(users.map(({ process }) => process.workload));
    expect(users.map(({ name }) => name)).toEqual(['loader', 'scheduler', 'dashboard']);
    expect(workloads.size).toBe(1);
    const [workload] = workloads;
    expect(workload?.kind).toBe('StatefulSet');
    expect(workload?.spec.replicas).toBe(1);
    expect(workload?.spec.volumeClaimTemplates[0].metadata.name).toBe('data');
    expect(workload?.spec.volumeClaimTemplates[0].spec.accessModes).toEqual(['ReadWriteOncePod']);
    for (const { process } of users)
      expect(process.container.volumeMounts).toContainEqual({ name: 'data', mountPath: '/data' });
    const ports = users.flatMap(({ process }) => process.container.ports);
    expect(new Set(ports.map(({ containerPort }) => containerPort)).size).toBe(ports.length);
    expect(new Set(ports.map(({ name }) => name)).size).toBe(ports.length);
  });

  it.each(installations)('[R163] %s denies every connection that no policy allows', (installation) => {
    const [first] = manifests[installation].filter(({ kind }) => kind === 'NetworkPolicy');
    expect(first?.spec).toEqual({ podSelector: {}, policyTypes: ['Ingress', 'Egress'] });
  });

  it.each(cases)(
    '[R163] let %s (%s) reach only what it uses, and only Prometheus reach it',
    (name, installation, each) => {
      const { labels, container } = each.process;
      const toSnowflake = !callsTmdb(name) && installation === 'snowflake';
      const addresses = callsTmdb(name) || toSnowflake ? ['0.0.0.0/0', '::/0'] : [];
      // The check for revoked certificates uses http.
      const publicPorts = toSnowflake ? [443, 80] : [443];
      expect(allowed(manifests[installation], 'egress', labels)).toEqual([
        ...addresses.flatMap((address) => publicPorts.map((port) => `${address}:${port}`)).toSorted(),
        ...['kafka:9093', 'kube-system:53', 'valkey:6379'],
      ]);
      const ports = installation === 'duckdb' && !callsTmdb(name) ? [9_464, 9_465, 9_466] : [9_464];
      expect(allowed(manifests[installation], 'ingress', labels)).toEqual(ports.map((port) => `monitoring:${port}`));
      expect(ports).toContain(container.ports[0]?.containerPort);
    },
  );

  it.each(installations)(
    '[R163] %s opens no private address and no metadata service with the public ones',
    (installation) => {
      const blocks = manifests[installation]
        .filter(({ kind }) => kind === 'NetworkPolicy')
        .flatMap(({ spec }) => spec.egress ?? [])
        .flatMap(({ to }) => to)
        .flatMap(({ ipBlock }) => ipBlock ?? []);
      for (const { cidr, except } of blocks) {
        const wanted =
          cidr === '::/0' ? ['fc00::/7'] : ['10.0.0.0/8', '169.254.0.0/16', '172.16.0.0/12', '192.168.0.0/16'];
        expect(except).toEqual(expect.arrayContaining(wanted));
      }
      expect(blocks.length).toBe(installation === 'duckdb' ? 2 : 4);
    },
  );

  it.each(installations)(
    '%s opens the dashboard by its port, and names the policy of the namespace',
    (installation) => {
      const [service] = manifests[installation].filter(({ kind }) => kind === 'Service');
      const { labels, container } = processOf(installation, 'dashboard');
      expect(service?.spec.selector).toEqual(labels);
      expect(container.ports).toContainEqual({ name: service?.spec.ports[0].targetPort, containerPort: 8_484 });
      const namespace = manifests[installation].find(({ kind }) => kind === 'Namespace');
      expect(namespace?.metadata.labels?.['pod-security.kubernetes.io/enforce']).toBe('restricted');
    },
  );
});

describe('docs/kubernetes.md', () => {
  const page = read('docs/kubernetes.md');

  it('names only objects that exist', () => {
    const names = installations.flatMap((installation) =>
      manifests[installation].map(({ kind, metadata }) => `${kind.toLowerCase()}/${metadata.name}`),
    );
    const named = [...page.matchAll(/\b(?:deployment|service)\/[\w-]+/g)].map(([name]) => name);
    expect(named.length).toBeGreaterThan(4);
    expect(named.filter((name) => !names.includes(name))).toEqual([]);
    const secrets = new Set(all.flatMap(({ process }) => Object.values(secretsOf(process))));
    const rows = page.split('\n').filter((line) => /^ {3}\| `/.test(line));
    const listed = rows.flatMap((row) => {
      const [, first = '', key] = /^ {3}\| (.*?) \| `(\w+)` \|/.exec(row) ?? [];
      return [...first.matchAll(/`([\w-]+)`/g)].map(([, name]) => `${name}/${key}`);
    });
    expect(listed.toSorted()).toEqual([...secrets].toSorted());
  });

  it.runIf(spawnSync('kubectl', ['kustomize', '--help']).status === 0)(
    'has a kustomization that kubectl accepts and that changes image and settings (if kubectl is installed)',
    () => {
      const [, block = ''] = /```yaml\n(.*?)```/s.exec(page) ?? [];
      symlinkSync(root, join(folder, 'tmdb-stream'));
      writeFileSync(join(folder, 'kustomization.yml'), block.replaceAll(/^ {3}/gm, ''));
      const { status, stdout, stderr } = spawnSync('kubectl', ['kustomize', folder], { encoding: 'utf8' });
      expect(status, stderr).toBe(0);
      const rendered = join(folder, 'rendered.yml');
      writeFileSync(rendered, stdout);
      expect(lint('python', validator, rendered)).toBe('');
      const changed = readYamlDocuments<ReturnType<typeof manifestsOf>[number]>([rendered]);
      for (const { container } of processesOf(changed)) {
        expect(container.image).toMatch(/^registry\.example\.net\/tmdb-stream:[\d-]+$/);
        expect(variablesOf(container, changed)['KAFKA_BROKERS']).toContain('broker-1.example.net:9093');
      }
    },
  );
});

const folder = mkdtempSync(join(tmpdir(), 'tmdb-stream-kubernetes-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** A secret in a file, of the form that the setting wants. */
function secretFile(variable: string): string {
  const file = join(folder, variable);
  const pem = () =>
    generateKeyPairSync('rsa', { modulusLength: 2_048 }).privateKey.export({ type: 'pkcs8', format: 'pem' });
  const text = {
    TOKEN_BUCKET_URL_FILE: 'rediss://:x@valkey.valkey:6379',
    SNOWFLAKE_PRIVATE_KEY_FILE: variable === 'SNOWFLAKE_PRIVATE_KEY_FILE' ? pem() : '',
  }[variable];
  writeFileSync(file, text ?? 'a-secret');
  return file;
}

const withoutEmpty = (variables: Readonly<Record<string, string>>): Record<string, string> =>
  Object.fromEntries(Object.entries(variables).filter(([, value]) => value !== ''));

/** The port of its metrics: that of the image, and others for the other containers of a pod. */
function portOf(installation: Installation, name: string): number {
  return installation === 'duckdb' ? ({ scheduler: 9_465, dashboard: 9_466 }[name] ?? 9_464) : 9_464;
}

function security(change: object): object {
  return { ...processOf('duckdb', 'fetcher').pod.securityContext, ...change };
}

function own(change: object): object {
  return { ...processOf('duckdb', 'fetcher').container.securityContext, ...change };
}
