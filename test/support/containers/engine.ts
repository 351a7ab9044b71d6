import { spawn } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { attempt, run } from './command.ts';

/** No container can be started on this machine. The message says why and what would help. */
export class NoEngine extends Error {}

/** The Debian packages for the engine and its images, by the command that shows whether they are installed. */
const packages: Readonly<Record<string, string>> = {
  dockerd: 'docker.io',
  iptables: 'iptables',
  mmdebstrap: 'mmdebstrap',
  losetup: 'mount',
};

/**
 * Installs the Debian packages that are missing.
 * @throws NoEngine if this is not Linux with root, or the packages cannot be installed.
 */
export async function installPackages(): Promise<void> {
  if (process.platform !== 'linux')
    throw new NoEngine('a separate Docker engine needs Linux: run it in a virtual machine');
  if (process.getuid?.() !== 0) throw new NoEngine('a separate Docker engine needs root: run it as root');
  const missing: string[] = [];
  for (const [command, name] of Object.entries(packages)) {
    if ((await attempt('sh', ['-c', `command -v ${command}`])).code !== 0) missing.push(name);
  }
  if (missing.length === 0) return;
  const env = { DEBIAN_FRONTEND: 'noninteractive' };
  const script = `apt-get update -qq && apt-get install -y -qq --no-install-recommends ${missing.join(' ')}`;
  const { code, output } = await attempt('sh', ['-c', script], { env });
  if (code !== 0) throw new NoEngine(`${missing.join(', ')} cannot be installed by apt-get:\n${output.slice(-1_000)}`);
}

/** The address of this machine's Debian mirror. @throws NoEngine if it has none. */
function debianMirror(): string {
  const file = '/etc/apt/sources.list.d/debian.sources';
  const uri = existsSync(file) ? /^URIs: (\S+)$/m.exec(readFileSync(file, 'utf8'))?.[1] : undefined;
  if (uri === undefined) throw new NoEngine(`${file} names no Debian mirror: the engine's packages come from one`);
  return uri;
}

const keyring = '/usr/share/keyrings/debian-archive-keyring.gpg';

/** The sources of a Debian release with its updates, one line each, for apt and mmdebstrap. */
export const debianSources = (suite: string): string[] => {
  const mirror = debianMirror();
  const options = existsSync(keyring) ? `[signed-by=${keyring}] ` : '';
  return [
    `deb ${options}${mirror} ${suite} main`,
    `deb ${options}${mirror} ${suite}-updates main`,
    `deb ${options}${mirror}-security ${suite}-security main`,
  ];
};

/**
 * A Docker engine with its data, socket, client settings and plugins below one folder. It shares only the kernel with any
 * other engine of this machine.
 */
export class Engine implements AsyncDisposable {
  readonly #home: string;

  private constructor(home: string) {
    this.#home = home;
  }

  /** The engine of that folder: the running one, or a new one. @throws NoEngine if the daemon ends before it answers. */
  static async start(home: string): Promise<Engine> {
    mkdirSync(home, { recursive: true });
    const engine = new Engine(home);
    const folders = [
      '--data-root',
      join(home, 'data'),
      '--exec-root',
      join(home, 'exec'),
      '--pidfile',
      engine.#pidFile,
    ];
    if ((await attempt('docker', ['version'], { env: engine.env })).code === 0) return engine;
    // A killed daemon leaves files that would prevent the next one from starting.
    rmSync(join(home, 'exec'), { recursive: true, force: true });
    const log = openSync(join(home, 'dockerd.log'), 'w');
    const daemon = spawn('dockerd', [...folders, '--host', engine.address], {
      stdio: ['ignore', log, log],
      detached: true,
    });
    const ended = new Promise<true>((resolve) =>
      daemon.once('close', () => resolve(true)).once('error', () => resolve(true)),
    );
    while ((await attempt('docker', ['version'], { env: engine.env })).code !== 0) {
      if (await Promise.race([ended, delay(200)])) {
        throw new NoEngine(`dockerd does not start:\n${readFileSync(join(home, 'dockerd.log'), 'utf8').slice(-1_000)}`);
      }
    }
    daemon.unref();
    return engine;
  }

  get address(): string {
    return `unix://${join(this.#home, 'docker.sock')}`;
  }

  /** The environment for a `docker` that talks only to this engine. */
  get env(): Readonly<Record<string, string>> {
    return { DOCKER_HOST: this.address, DOCKER_CONFIG: join(this.#home, 'config'), DOCKER_BUILDKIT: '1' };
  }

  /** Version of the engine and of Compose. */
  async versions(): Promise<string> {
    const engine = await run('docker', ['version', '--format', '{{.Server.Version}}'], { env: this.env });
    const compose = await run('docker', ['compose', 'version', '--short'], { env: this.env });
    return `engine ${engine.trim()}, Compose ${compose.trim()}`;
  }

  /**
   * Compose and buildx, from Debian 13's packages where the machine has none: Go programs that run on older releases as well.
   * They are unpacked into this engine's client settings; apt installs nothing.
   */
  async ensurePlugins(): Promise<void> {
    const has = async (plugin: string) => (await attempt('docker', [plugin, 'version'], { env: this.env })).code === 0;
    if ((await has('compose')) && (await has('buildx'))) return;
    const folder = join(this.#home, 'plugins');
    mkdirSync(join(folder, 'lists/partial'), { recursive: true });
    mkdirSync(join(folder, 'cache/archives/partial'), { recursive: true });
    writeFileSync(join(folder, 'sources.list'), `${debianSources('trixie')[0]}\n`);
    const places = {
      'Dir::Etc::sourcelist': join(folder, 'sources.list'),
      'Dir::Etc::sourceparts': '-',
      'Dir::State::lists': join(folder, 'lists'),
      'Dir::Cache': join(folder, 'cache'),
      'APT::Sandbox::User': 'root',
    };
    const options = ['-qq', ...Object.entries(places).flatMap(([name, value]) => ['-o', `${name}=${value}`])];
    await run('apt-get', [...options, 'update']);
    await run('apt-get', [...options, 'download', 'docker-compose', 'docker-buildx'], { cwd: folder });
    await run('sh', ['-c', 'for file in *.deb; do dpkg -x "$file" unpacked; done'], { cwd: folder });
    cpSync(join(folder, 'unpacked/usr/libexec/docker/cli-plugins'), join(this.#home, 'config/cli-plugins'), {
      recursive: true,
    });
    rmSync(folder, { recursive: true });
  }

  /** Ends the daemon and everything that it runs, and waits for that. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (!existsSync(this.#pidFile)) return;
    const pid = Number(readFileSync(this.#pidFile, 'utf8'));
    const isRunning = () =>
      existsSync(`/proc/${pid}/stat`) && !/^\d+ \(.*\) Z/.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
    process.kill(pid, 'SIGTERM');
    while (isRunning()) await delay(100);
    // The daemon mounts its data folder onto itself, and leaves the mount; without unmounting, the folder cannot be removed.
    while ((await attempt('umount', [join(this.#home, 'data')])).code === 0);
  }

  get #pidFile(): string {
    return join(this.#home, 'docker.pid');
  }
}
