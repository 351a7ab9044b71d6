import { allSettings, secretNames } from '../../../platform/settings.ts';

/** What of the Compose specification our file uses. */
export interface Compose {
  readonly name: string;
  readonly services: Readonly<Record<string, Service>>;
  readonly networks: Readonly<Record<string, { readonly internal?: boolean }>>;
}

export interface Service {
  readonly image: string;
  readonly build?: string | { readonly context: string; readonly target?: string } | undefined;
  readonly pull_policy?: string | undefined;
  readonly command?: string | readonly string[];
  readonly environment?: Readonly<Record<string, string | number>>;
  readonly restart?: string | undefined;
  readonly init?: boolean;
  readonly read_only?: boolean;
  readonly privileged?: boolean;
  readonly hostname?: string;
  readonly user?: string | undefined;
  readonly tmpfs?: readonly string[];
  readonly cap_drop?: readonly string[] | undefined;
  readonly ulimits?: Readonly<Record<string, number>> | undefined;
  readonly security_opt?: readonly string[];
  readonly stop_grace_period?: string;
  readonly logging?: { readonly options?: Readonly<Record<string, string>> } | undefined;
  readonly healthcheck?:
    | { readonly test?: readonly string[]; readonly disable?: boolean; readonly start_interval?: string }
    | undefined;
  readonly deploy?: {
    readonly replicas?: number | string;
    readonly resources?: { readonly limits?: Readonly<Record<string, string | number>> };
  };
  readonly depends_on?: Readonly<Record<string, { readonly condition: string; readonly required?: boolean }>>;
  readonly ports?: readonly string[];
  readonly volumes?: readonly string[];
  readonly networks: readonly string[];
  readonly profiles?: readonly string[];
  readonly secrets?: readonly string[];
}

/** Every variable that is a setting. */
export const knownVariables = (): ReadonlySet<string> =>
  new Set([...allSettings.map(({ name }) => name), ...secretNames.map((name) => `${name}_FILE`)]);

/** Whether a container runs our image, built here. */
export const isOurs = ({ image }: Service): boolean => image.startsWith('tmdb-stream:');

const rules: readonly [string, (service: Service) => boolean][] = [
  ['is not started again', ({ restart }) => restart === 'unless-stopped'],
  ['has no init that reaps what its children leave', ({ init }) => init === true],
  [
    'has a root that can be written',
    ({ read_only, tmpfs }) => read_only === true && tmpfs?.some((mount) => /^\/tmp\b/.test(mount)) === true,
  ],
  ['has a tmpfs without end', ({ tmpfs = [] }) => tmpfs.every((mount) => /[:,]size=\d+m\b/.test(mount))],
  [
    'has a tmpfs that its user cannot write',
    // Docker gives a tmpfs to root, with the mode of the folder below it; /tmp and what the image makes for all are 1777.
    ({ tmpfs = [], user = '' }) =>
      tmpfs.every(
        (mount) =>
          /^\/(tmp|data)\b/.test(mount) ||
          [`uid=${user.split(':')[0]}`, `gid=${user.split(':')[1]}`].every((owner) =>
            mount.split(/[:,]/).includes(owner),
          ),
      ),
  ],
  ['may dump its memory', ({ ulimits }) => ulimits?.['core'] === 0],
  // An image of ours is built here: a registry may have another one of that name.
  ['may be pulled', (service) => !isOurs(service) || service.pull_policy === (service.build ? 'build' : 'never')],
  // Docker Engine knows it from version 25 on; Debian 12 has 20.10, which then refuses the whole file.
  ['asks for a new engine', ({ healthcheck }) => healthcheck?.start_interval === undefined],
  // 1.7 CPU seconds each time.
  [
    'starts a JVM for its health check',
    ({ healthcheck }) => !/java|kafka-[\w-]+\.sh/.test(healthcheck?.test?.join(' ') ?? ''),
  ],
  ['keeps capabilities', ({ cap_drop }) => cap_drop?.includes('ALL') === true],
  ['may gain privileges', ({ security_opt }) => security_opt?.includes('no-new-privileges:true') === true],
  ['is privileged', ({ privileged }) => privileged !== true],
  ['may be root', ({ user }) => /^[1-9]\d*:[1-9]\d*$/.test(user ?? '')],
  [
    'is not asked about its health',
    // The image of ours brings its own.
    (service) => service.healthcheck?.disable !== true && (isOurs(service) || service.healthcheck?.test !== undefined),
  ],
  [
    'has no limits',
    ({ deploy }) => ['cpus', 'memory', 'pids'].every((what) => deploy?.resources?.limits?.[what] !== undefined),
  ],
  [
    'logs without end',
    ({ logging }) => logging?.options?.['max-size'] !== undefined && logging.options['max-file'] !== undefined,
  ],
  ['is of no exact version', ({ image }) => /:v?\d+\.\d+\.\d+(-[a-z\d.]+)?$/.test(image)],
  ['can be reached from elsewhere', ({ ports = [] }) => ports.every((port) => port.startsWith('127.0.0.1:'))],
  // The turns on the DuckDB file tell containers apart by their host names.
  ['has the name of another', ({ hostname }) => hostname === undefined],
  [
    'writes to the machine',
    ({ volumes = [] }) => volumes.every((volume) => /^[\w-]+:/.test(volume) || volume.endsWith(':ro')),
  ],
  [
    'has a secret in its environment',
    ({ environment = {} }) =>
      !secretNames.some(
        (name) => name in environment && !(name === 'TOKEN_BUCKET_URL' && isBare(String(environment[name]))),
      ),
  ],
];

const isBare = (url: string): boolean => new URL(url).username + new URL(url).password === '';

const units: Readonly<Record<string, number>> = { m: 2 ** 20, g: 2 ** 30 };

/** `512m` or `1g` in bytes. */
export function parseMemory(text: string): number {
  const [, count, unit = ''] = /^(\d+)([mg])$/.exec(text) ?? [];
  return Number(count) * (units[unit] ?? Number.NaN);
}

/** What is weaker about a service than it has to be. */
export const complaintsAbout = (service: Service): string[] =>
  rules.filter(([, holds]) => !holds(service)).map(([complaint]) => complaint);

/** Replaces `${NAME:-default}` by `variables`, as Compose does. */
export const interpolate = (text: string, variables: Readonly<Record<string, string>> = {}): string =>
  text.replace(/\$\{(\w+)(?::-([^}]*))?\}/g, (_, name: string, defaultText = '') => variables[name] || defaultText);

/** A command as the words that it is; ours have no quotes but around nothing. */
export const wordsOf = (command: string | readonly string[] = []): string[] =>
  typeof command === 'string' ? command.split(/\s+/) : command.map(String);
