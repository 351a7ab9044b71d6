import { execFileSync, spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { constants } from 'node:os';
import { basename, join } from 'node:path';
import { ensure, explain, projectEnvironment, root } from './setup.mjs';

/** How often to check whether npm still runs. Without `/proc` each check starts a process. */
const lookEveryMs = existsSync('/proc/self/stat') ? 200 : 2_000;

/** Compiled sources: a start takes a third of the time. If the folder cannot be written, Node compiles each time. */
const compileCache = join(root, '.tools/compile-cache');

/**
 * Runs the command line as a child process. The child drains when this process is asked to stop, when it is killed, and when the npm
 * that started it ends: npm exits at once on SIGTERM and does not forward it. Stop requests go through a channel, not as signals: a
 * supervisor that signals all processes has already reached the child, and a second signal would end its drain early. Through the same
 * channel the child asks for the tools that it needs: `{ install: ['dbt'] }` is answered by `installed` or `not installed`. A variable
 * tells the child that the channel is this one: other parents, such as pm2, open a channel and answer nothing.
 * @returns its exit code (128 + n when signal n ended it).
 */
export function supervise(command, args) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
      env: { NODE_COMPILE_CACHE: compileCache, ...projectEnvironment(), START_MJS_CHANNEL: '1' },
    });
    const stop = () => child.connected && child.send('SIGTERM', () => {});
    // A terminal sends Ctrl-C to the child as well, so wait for the child.
    process.on('SIGINT', () => {});
    process.on('SIGTERM', stop);
    const watch = onceNpmIsGone(stop);
    child.on('message', async ({ install }) => {
      const answer = await ensure(install).then(
        () => 'installed',
        (error) => {
          process.stderr.write(explain(error));
          return 'not installed';
        },
      );
      if (child.connected) child.send(answer, () => {});
    });
    child.on('error', reject);
    child.on('close', (code, signal) => {
      clearInterval(watch);
      resolve(code ?? 128 + constants.signals[signal]);
    });
  });
}

/** Calls `then` once, when the npm that started us (directly or through its shell) has ended; never if npm did not start us. */
function onceNpmIsGone(then) {
  if (process.env.npm_lifecycle_event === undefined) return undefined;
  const parent = process.ppid;
  const shell = /^-?(?:ba|da|a|z|k)?sh$|^busybox$/.test(about(parent)?.name ?? '') ? parent : undefined;
  const npm = shell && about(shell)?.parent;
  const watch = setInterval(() => {
    if (process.ppid === parent && (shell === undefined || about(shell)?.parent === npm)) return;
    clearInterval(watch);
    then();
  }, lookEveryMs);
  watch.unref();
  return watch;
}

/** A running process: its program, and its present parent. */
function about(pid) {
  const [, name, parent] = /^\d+ \((.*)\) \S (\d+)/s.exec(statusOf(pid)) ?? [];
  return name === undefined ? undefined : { name: basename(name), parent: Number(parent) };
}

/** Linux's format: `PID (NAME) STATE PARENT ...`. */
function statusOf(pid) {
  try {
    if (existsSync('/proc/self/stat')) return readFileSync(`/proc/${pid}/stat`, 'utf8');
    const [parent, ...name] = execFileSync('ps', ['-o', 'ppid=,comm=', '-p', String(pid)], { encoding: 'utf8' })
      .trim()
      .split(/\s+/);
    return `${pid} (${name.join(' ')}) S ${parent}`;
  } catch {
    return '';
  }
}
