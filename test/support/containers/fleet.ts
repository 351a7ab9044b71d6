import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Fault } from '../../../sandbox/fault.ts';
import type { SandboxStats } from '../../../sandbox/stats.ts';
import { attempt, type Outcome, run } from './command.ts';

const root = join(import.meta.dirname, '../../..');

/** The options that the runbook adds to every command if the sandbox is used. */
const sandboxOptions = ['--env-file', 'deploy/sandbox.env', '--profile', 'sandbox'];

/** Files that a checkout does not have, or the fleet does not need. */
const notCopied = new Set(['node_modules', '.tools', '.git', 'data', '.env', 'test/results', 'deploy/secrets']);

/** The parts of `status --json` that the tests read. */
interface Status {
  readonly topics: readonly { readonly topic: string; readonly records: number; readonly waiting: number | null }[];
  readonly layers: readonly { readonly layer: string; readonly rowsLoaded: number | null }[];
  readonly lastDbtRun: { readonly status: string } | null;
  readonly nextBuild: string | null;
}

/** The fleet of docker-compose.yml with the sandbox, from a copy of this checkout whose settings may be edited. */
export class Fleet implements AsyncDisposable {
  readonly folder = mkdtempSync(join(tmpdir(), 'tmdb-stream-checkout-'));
  /** Set in the shell of every command. */
  readonly env: Record<string, string>;

  constructor(env: Readonly<Record<string, string>>) {
    this.env = { ...env };
    cpSync(root, this.folder, { recursive: true, filter: (path) => !notCopied.has(relative(root, path)) });
  }

  /** Runs a command from the docs; `docker compose` gets the sandbox's options. */
  command(line: string): Promise<Outcome> {
    const withSandbox = line.includes('--env-file')
      ? line
      : line.replace('docker compose', `docker compose ${sandboxOptions.join(' ')}`);
    return attempt('sh', ['-c', withSandbox], { cwd: this.folder, env: this.env, timeoutMs: 230_000 });
  }

  /** As `command`. @throws Error with the output if it fails. @returns standard output. */
  async must(line: string): Promise<string> {
    const { code, output, stdout } = await this.command(line);
    if (code !== 0) throw new Error(`exit code ${code}: ${line}\n${output.slice(-3_000)}`);
    return stdout;
  }

  /** Names of the containers of one service, or of all. */
  async containers(...services: readonly string[]): Promise<string[]> {
    const ids = await this.must(`docker compose ps --all --quiet ${services.join(' ')}`);
    return ids.split('\n').filter((id) => id !== '');
  }

  /** One value of each container, from a Go template. */
  async inspect(format: string, ...services: readonly string[]): Promise<string[]> {
    const ids = await this.containers(...services);
    return (await run('docker', ['inspect', '--format', format, ...ids])).trim().split('\n');
  }

  /** `status --json` of the loader's container, as soon as it has every part: another container may hold the DuckDB file. */
  async status(): Promise<Status> {
    let output = '';
    await until('status has every part', 120_000, async () => {
      output = await this.must('docker compose exec -T loader node cli.ts status --json');
      return true;
    });
    return JSON.parse(output);
  }

  /** The answer of a service's `/readyz`. */
  async ready(service: string): Promise<{ readonly ok: boolean; readonly checks: Readonly<Record<string, string>> }> {
    const script = "fetch('http://127.0.0.1:9464/readyz').then((r) => r.text()).then(console.log)";
    return JSON.parse(await this.must(`docker compose exec -T ${service} node -e "${script}"`));
  }

  async sandboxStats(): Promise<SandboxStats> {
    const script = "fetch('http://127.0.0.1:8080/sandbox/stats').then((r) => r.text()).then(console.log)";
    return JSON.parse(await this.must(`docker compose exec -T sandbox node -e "${script}"`));
  }

  /** Replaces the faults of the sandbox. */
  async setFaults(faults: readonly Fault[]): Promise<void> {
    // Encoded, because a shell and JavaScript read it.
    const body = `decodeURIComponent('${encodeURIComponent(JSON.stringify(faults))}')`;
    const script = `fetch('http://127.0.0.1:8080/sandbox/faults', { method: 'POST', body: ${body} }).then((r) => process.exit(r.ok ? 0 : 1))`;
    await this.must(`docker compose exec -T sandbox node -e "${script}"`);
  }

  /** Fetches every known movie again, so that there is work in flight. */
  async work(): Promise<void> {
    await this.must('docker compose exec -T loader node cli.ts replay ids --all --restart');
  }

  /** Waits until every container runs and is healthy. @throws Error if one is not in time. */
  untilHealthy(timeoutMs = 180_000): Promise<void> {
    return until('every container is healthy', timeoutMs, async () => {
      const states = await this.inspect(
        '{{.Name}} {{.State.Status}} {{if .State.Health}}{{.State.Health.Status}}{{end}}',
      );
      const wrong = states.filter((state) => !state.endsWith(' running healthy'));
      return wrong.length === 0 || wrong.join(', ');
    });
  }

  /** Waits until all ids are answered, and all answers are in BRONZE. */
  untilDrained(timeoutMs = 200_000): Promise<void> {
    return until('no record waits', timeoutMs, async () => {
      const { topics } = await this.status();
      const waiting = topics.filter((topic) => topic.waiting !== null && topic.waiting > 0);
      return waiting.length === 0 || waiting.map((topic) => `${topic.topic} ${topic.waiting}`).join(', ');
    });
  }

  /** Waits until dbt has built everything from all batches: a build that began before the last batch does not count. */
  untilBuilt(timeoutMs = 200_000): Promise<void> {
    return until('nothing is left to build', timeoutMs, async () => {
      const { nextBuild, lastDbtRun } = await this.status();
      const answer = `next build: ${nextBuild}, last run of dbt: ${lastDbtRun?.status}`;
      return (nextBuild === 'up to date' && lastDbtRun?.status === 'success') || answer;
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.command('docker compose --profile sandbox --profile monitoring down --volumes --timeout 5');
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** Repeats until the answer is `true`; an error counts as an answer. @throws Error with the last answer after the time limit. */
export async function until(what: string, timeoutMs: number, holds: () => Promise<true | string>): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const answer = await holds().catch((error: Error) => error.message);
    if (answer === true) return;
    if (performance.now() > deadline) throw new Error(`not within ${timeoutMs / 1_000} s: ${what}\n${answer}`);
    await delay(1_000);
  }
}
