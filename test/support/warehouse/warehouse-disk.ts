import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A small file system in memory, which fills up quickly. Only root can create one. */
export class SmallDisk implements Disposable {
  readonly path: string;

  constructor(megabytes: number) {
    this.path = mkdtempSync(join(tmpdir(), 'tmdb-stream-disk-'));
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m`, 'tmpfs', this.path]);
  }

  /** Whether this machine allows it. */
  static isPossible(): boolean {
    const path = join(mkdtempSync(join(tmpdir(), 'tmdb-stream-disk-')), 'probe');
    mkdirSync(path);
    const isMounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', path]).status === 0;
    if (isMounted) execFileSync('umount', [path]);
    rmSync(join(path, '..'), { recursive: true });
    return isMounted;
  }

  /** Frees space, or fills it. */
  resize(megabytes: number): void {
    this.#remount(`size=${megabytes}m`);
  }

  setReadOnly(isReadOnly: boolean): void {
    this.#remount(isReadOnly ? 'ro' : 'rw');
  }

  [Symbol.dispose](): void {
    // A process that was just killed may still have a file of it open.
    execFileSync('umount', ['--lazy', this.path]);
    rmSync(this.path, { recursive: true });
  }

  #remount(options: string): void {
    execFileSync('mount', ['-o', `remount,${options}`, this.path]);
  }
}
