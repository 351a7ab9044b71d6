import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { projectFiles, root } from '../deploy/project.ts';

/** Folders that no command reads. */
const leftOut = ['bench/', 'docs/', 'test/'];

/** The installed project in a folder of its own, with a `.env` of its own, as a user has it. Packages and tools are links to ours. */
export class ProjectCopy implements Disposable {
  readonly folder = mkdtempSync(join(tmpdir(), 'tmdb-stream-project-'));

  /** @param settings for `.env`. */
  constructor(settings: Readonly<Record<string, string>>) {
    for (const file of projectFiles()) {
      const isWanted = !leftOut.some((folder) => file.startsWith(folder));
      if (isWanted) cpSync(join(root, file), join(this.folder, file));
    }
    symlinkSync(join(root, '.tools'), join(this.folder, '.tools'));
    // A real folder, so that the executable in `.bin` leads to this copy.
    const packages = join(this.folder, 'node_modules');
    mkdirSync(packages);
    for (const name of readdirSync(join(root, 'node_modules'))) {
      if (name !== '.bin') symlinkSync(join(root, 'node_modules', name), join(packages, name));
    }
    mkdirSync(join(packages, '.bin'));
    symlinkSync('../../scripts/start.mjs', join(packages, '.bin/tmdb-stream'));
    if (existsSync(join(root, 'node_modules/.bin/node'))) {
      symlinkSync(join(root, 'node_modules/.bin/node'), join(packages, '.bin/node'));
    }
    const lines = Object.entries(settings).map(([name, value]) => `${name}="${value}"\n`);
    writeFileSync(join(this.folder, '.env'), lines.join(''));
  }

  [Symbol.dispose](): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}
