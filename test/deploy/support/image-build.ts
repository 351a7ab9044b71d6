import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  chownSync,
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { environmentOf, type Instruction, parseDockerfile, type Stage } from './dockerfile.ts';
import { contextFiles } from './dockerignore.ts';
import { read, root } from './project.ts';

/** The uid of the image; who is not root cannot become it and stays who they are. */
const uid = 10_001;

/** What a package manager of the machine needs to reach its registry; nothing else of our environment gets in, not our caches. */
const ofTheMachine = /^(PIP_(?!CACHE)|npm_config_(?!cache)|https?_proxy$|no_proxy$|SSL_CERT_|NODE_EXTRA_CA_CERTS$)/i;

/** Not run: the machine's own Node and Python stand in for what these install, and nobody else may install on it. */
const isLeftOut = (command: string): boolean => command.startsWith('apt-get ');

export interface Result {
  readonly code: number | null;
  readonly output: string;
}

/**
 * The steps of the Dockerfile, carried out without a container: every RUN by the shell, every COPY from what .dockerignore
 * lets in, as the image's user where we are root and in a folder that stands for the image's root. The folder that is
 * `/app` is always the same one, as in a container, since a Python environment does not bear being moved.
 */
export class ImageBuild implements AsyncDisposable {
  readonly #root: string;
  readonly #bin: string;
  readonly #env: Record<string, string> = {};
  readonly #as: readonly string[];
  /** The commands that were carried out. */
  readonly ran: string[] = [];

  constructor() {
    this.#root = mkdtempSync(join(tmpdir(), 'tmdb-stream-image-'));
    this.#bin = join(this.#root, 'bin');
    mkdirSync(this.#bin);
    copyFileSync(process.execPath, join(this.#bin, 'node'));
    this.#as = this.#canBeTheImagesUser() ? asUser : [];
    for (const folder of [this.#root, this.#path(''), this.#path('/tmp')]) this.#give(folder);
  }

  /** Who carries out the steps. */
  get user(): string {
    return this.#as.length > 0 ? `uid ${uid}` : 'ourselves';
  }

  /** @throws Error with its output when a step fails. */
  async build(): Promise<void> {
    const stages = parseDockerfile(read('Dockerfile'));
    for (const stage of stages) {
      mkdirSync(this.#path('/app'));
      this.#give(this.#path('/app'));
      for (const step of stage.steps) await this.#carryOut(step);
      if (stage !== stages.at(-1)) renameSync(this.#path('/app'), this.#path(`/stage-${stage.name}`));
      else Object.assign(this.#env, this.#environment(stage));
    }
    await this.#shell('chmod -R a-w /app');
  }

  /** Runs a program in the finished image, in /app and with its environment. */
  run(...command: readonly string[]): Promise<Result> {
    return this.#spawn(command.map((word) => this.#inside(word)));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (existsSync(this.#path('/app'))) await this.#shell('chmod -R u+w /app');
    rmSync(this.#root, { recursive: true, force: true });
  }

  async #carryOut({ name, value }: Instruction): Promise<void> {
    if (name === 'COPY') await this.#copy(value.split(/\s+/));
    if (name !== 'RUN') return;
    const commands = value.split(/\s*&&\s*/);
    if (commands.some(isLeftOut)) return;
    await this.#shell(value);
    this.ran.push(...commands);
  }

  async #copy(words: string[]): Promise<void> {
    const target = words.pop() ?? '';
    const stage = words[0]?.startsWith('--from=') ? words.shift()?.slice('--from='.length) : undefined;
    if (stage !== undefined) {
      for (const source of words) await this.#shell(`cp -a ${source.replace('/app', `/stage-${stage}`)} ${target}`);
      return;
    }
    const isWanted = (file: string) => words.some((word) => word === '.' || file === word);
    for (const file of contextFiles(root, read('.dockerignore')).filter(isWanted)) {
      const isFolder = words.length > 1 || target.endsWith('/');
      const to = join(
        this.#path('/app'),
        words[0] === '.' ? file : isFolder ? join(target, file.slice(file.lastIndexOf('/') + 1)) : target,
      );
      mkdirSync(dirname(to), { recursive: true });
      cpSync(join(root, file), to);
    }
    if (this.#as.length > 0) spawnSync('chown', ['-R', `${uid}:${uid}`, this.#path('/app')]);
  }

  #environment(stage: Stage): Record<string, string> {
    return Object.fromEntries(Object.entries(environmentOf(stage)).map(([name, value]) => [name, this.#inside(value)]));
  }

  async #shell(command: string): Promise<void> {
    const owner = this.#as.length > 0 ? uid : (process.getuid?.() ?? 0);
    const script = this.#inside(command).replaceAll(`${uid}:${uid}`, `${owner}`);
    const { code, output } = await this.#spawn(['sh', '-c', script]);
    if (code !== 0) throw new Error(`the step failed with exit code ${code}: ${command}\n${output}`);
  }

  async #spawn(command: readonly string[]): Promise<Result> {
    const [program = '', ...args] = [...this.#as, ...command];
    const machine = Object.entries(process.env).filter(([name]) => ofTheMachine.test(name));
    const child = spawn(program, args, {
      cwd: this.#path('/app'),
      stdio: ['ignore', 'pipe', 'pipe'],
      env: {
        ...Object.fromEntries(machine),
        PATH: [this.#bin, ...(this.#as.length > 0 ? ['/usr/local/bin:/usr/bin:/bin'] : [process.env['PATH']])].join(
          ':',
        ),
        HOME: this.#path('/tmp'),
        ...this.#env,
      },
    });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (data) => (output += data));
    const [code] = await once(child, 'close');
    return { code, output };
  }

  /** Absolute paths of the image are those of our folder. */
  #inside(text: string): string {
    return text.replace(/(?<![\w.\])/])\/(app|data|tmp|stage-\w+)\b/g, (path) => this.#path(path));
  }

  #path(path: string): string {
    return join(this.#root, 'image') + path;
  }

  #give(folder: string): void {
    mkdirSync(folder, { recursive: true });
    chmodSync(folder, 0o755);
    if (this.#as.length > 0) chownSync(folder, uid, uid);
  }

  /** Root can, when it finds npm and Python where every user does. */
  #canBeTheImagesUser(): boolean {
    if (process.getuid?.() !== 0) return false;
    chmodSync(this.#root, 0o755);
    const env = { PATH: `${this.#bin}:/usr/local/bin:/usr/bin:/bin`, HOME: '/nonexistent' };
    const [setpriv = '', ...args] = asUser;
    const script = 'npm --version && python3 -c "import venv, ensurepip"';
    return spawnSync(setpriv, [...args, 'sh', '-c', script], { env }).status === 0;
  }
}

const asUser = ['setpriv', `--reuid=${uid}`, `--regid=${uid}`, '--clear-groups', '--'];
