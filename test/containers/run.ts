/**
 * `npm run test:containers`: starts an engine, builds our two images, and runs the tests beside this file. Exit code 0: all passed, 1: a test failed,
 * 77: skipped, because no engine can run here. CONTAINERS_HOME names a folder that keeps the engine's images for the next run.
 */
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { exec, skippedCode } from '../runner/exec.ts';
import { ensureBaseImages } from '../support/containers/base-images.ts';
import { run } from '../support/containers/command.ts';
import { Engine, installPackages, NoEngine } from '../support/containers/engine.ts';
import { baseImages, image, snowflakeImage } from '../support/containers/images.ts';
import { Steps } from '../support/containers/steps.ts';

const root = join(import.meta.dirname, '../..');
const kept = process.env['CONTAINERS_HOME'];
const home = kept ?? mkdtempSync(join(tmpdir(), 'tmdb-stream-containers-'));

async function main(steps: Steps): Promise<number> {
  await steps.run('packages of the engine', installPackages);
  await using engine = await steps.run('engine', () => Engine.start(home));
  const { env } = engine;
  await steps.run('Compose and buildx', () => engine.ensurePlugins());
  const origin = await steps.run('base images', () => ensureBaseImages(baseImages(), env));
  process.stdout.write(`${await engine.versions()}, base images: ${origin}\n`);
  const build = (tag: string, ...args: string[]) =>
    run('docker', ['build', '--quiet', '--tag', tag, ...args, '.'], { env, cwd: root });
  await steps.run(`image ${image}`, () => build(image));
  await steps.run(`image ${snowflakeImage}`, () => build(snowflakeImage, '--target', 'snowflake'));
  const args = ['run', '--config', join(import.meta.dirname, 'vitest.config.ts'), ...process.argv.slice(2)];
  const settings = { ...env, TESTCONTAINERS_RYUK_DISABLED: 'true' };
  // The engine is stopped when this returns.
  return await steps.run('tests', async () => (await exec('vitest', args, { env: settings })).code);
}

/** Some mounts stay for a moment after the engine has ended, and cannot be removed until then. */
async function removeHome(): Promise<void> {
  for (let tries = 1; existsSync(home); tries += 1) {
    try {
      rmSync(home, { recursive: true });
    } catch (error) {
      if (tries === 20) throw error;
      await delay(500);
    }
  }
}

const steps = new Steps();
try {
  process.exitCode = await main(steps);
} catch (error) {
  if (!(error instanceof NoEngine)) throw error;
  process.stdout.write(`SKIPPED  the container tests: ${error.message}\n`);
  process.exitCode = skippedCode;
} finally {
  process.stdout.write(`\n${steps}\n`);
  if (kept === undefined) await removeHome();
}
