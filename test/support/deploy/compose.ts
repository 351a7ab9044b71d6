import { allSettings, secretNames } from '../../../platform/settings.ts';

/** The part of the Compose specification that our file uses. */
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
  ['does not restart', ({ restart }) => restart === 'unless-stopped'],
  ['has no init that reaps orphaned processes', ({ init }) => init === true],
  [
    'has a writable root',
    ({ read_only, tmpfs }) => read_only === true && tmpfs?.some((mount) => /^\/tmp\b/.test(mount)) === true,
  ],
  ['has a tmpfs without a size', ({ tmpfs = [] }) => tmpfs.every((mount) => /[:,]size=\d+m\b/.test(mount))],
  [
    'has a tmpfs that its user cannot write',
    // Docker makes root the owner of a tmpfs, with the mode of the folder that it covers. /tmp and the image's shared folders are 1777.
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
  // Our images are built here: a registry may have a different image of the same name.
  ['may be pulled', (service) => !isOurs(service) || service.pull_policy === (service.build ? 'build' : 'never')],
  // Docker Engine supports it from version 25 on. Debian 12 has 20.10, which refuses the whole file.
  ['needs a newer engine', ({ healthcheck }) => healthcheck?.start_interval === undefined],
  // A JVM takes 1.7 CPU seconds each time.
  [
    'starts a JVM for its health check',
    ({ healthcheck }) => !/java|kafka-[\w-]+\.sh/.test(healthcheck?.test?.join(' ') ?? ''),
  ],
  ['keeps capabilities', ({ cap_drop }) => cap_drop?.includes('ALL') === true],
  ['may gain privileges', ({ security_opt }) => security_opt?.includes('no-new-privileges:true') === true],
  ['is privileged', ({ privileged }) => privileged !== true],
  ['may be root', ({ user }) => /^[1-9]\d*:[1-9]\d*$/.test(user ?? '')],
  [
    'has no health check',
    // Our image has its own health check.
    (service) => service.healthcheck?.disable !== true && (isOurs(service) || service.healthcheck?.test !== undefined),
  ],
  [
    'has no limits',
    ({ deploy }) => ['cpus', 'memory', 'pids'].every((what) => deploy?.resources?.limits?.[what] !== undefined),
  ],
  [
    'has logs without a limit',
    ({ logging }) => logging?.options?.['max-size'] !== undefined && logging.options['max-file'] !== undefined,
  ],
  ['has no exact version', ({ image }) => /:v?\d+\.\d+\.\d+(-[a-z\d.]+)?$/.test(image)],
  ['can be reached from other machines', ({ ports = [] }) => ports.every((port) => port.startsWith('127.0.0.1:'))],
  // The lock of the DuckDB file distinguishes containers by their host names.
  ['has a fixed host name', ({ hostname }) => hostname === undefined],
  [
    'writes to a folder of the machine',
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

/** The checks that a service fails. */
export const complaintsAbout = (service: Service): string[] =>
  rules.filter(([, holds]) => !holds(service)).map(([complaint]) => complaint);

/** Replaces `${NAME:-default}` by `variables`, as Compose does. */
export const interpolate = (text: string, variables: Readonly<Record<string, string>> = {}): string =>
  text.replace(/\$\{(\w+)(?::-([^}]*))?\}/g, (_, name: string, defaultText = '') => variables[name] || defaultText);

/** The words of a command. Our commands have no quotes except around an empty word. */
export const wordsOf = (command: string | readonly string[] = []): string[] =>
  typeof command === 'string' ? command.split(/\s+/) : command.map(String);
