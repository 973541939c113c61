/** A disk of a few megabytes that a test can fill: a tmpfs of its own, which only root may mount. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmdirSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, onTestFinished } from 'vitest';
import { codeOf } from '../../../protocol/errors.ts';

/** `describe`, where this user may mount. Where not: skipped with a line that says so, or failed under ANDON_REQUIRE_SYSTEM=1. */
export function describeWithSmallDisk(name: string, fn: () => void): void {
  if (mayMount() || process.env.ANDON_REQUIRE_SYSTEM === '1') {
    describe(name, fn);
    return;
  }
  console.warn(`skipped "${name}": only root on Linux may mount the small disk that it fills`);
  describe.skip(name, fn);
}

export class SmallDisk {
  readonly folder: string;

  /** Unmounted when the test ends: make it before what works on it. */
  constructor(parent: string, megabytes: number) {
    this.folder = join(parent, 'disk');
    mkdirSync(this.folder);
    mount(this.folder, megabytes);
    onTestFinished(() => unmount(this.folder));
  }

  /** Others fill the disk to its last block. */
  fill(): void {
    const blockBytes = 64 * 1024;
    for (let part = 0; this.freeBytes() > 0; part++) {
      try {
        writeFileSync(
          join(this.folder, `ballast-${part}`),
          Buffer.alloc(Math.min(blockBytes, this.freeBytes())),
        );
      } catch (error) {
        if (codeOf(error) !== 'ENOSPC') throw error;
      }
    }
  }

  /** Others tidy up. */
  free(): void {
    execFileSync('find', [this.folder, '-maxdepth', '1', '-name', 'ballast-*', '-delete'], {
      timeout: 60_000,
    });
  }

  /** Others leave some megabytes. */
  freeSome(megabytes: number): void {
    for (let part = 0; this.freeBytes() < megabytes * 2 ** 20; part++) {
      rmSync(join(this.folder, `ballast-${part}`));
    }
  }

  freeBytes(): number {
    const { bavail, bsize } = statfsSync(this.folder);
    return bavail * bsize;
  }
}

function mayMount(): boolean {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return false;
  const folder = mkdtempSync(join(tmpdir(), 'andon-mount-'));
  try {
    mount(folder, 1);
    unmount(folder);
    return true;
  } catch {
    return false;
  } finally {
    rmdirSync(folder);
  }
}

function mount(folder: string, megabytes: number): void {
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m`, 'tmpfs', folder], {
    stdio: 'pipe',
    timeout: 60_000,
  });
}

/** Lazily: a process that is just ending may still hold a file. */
function unmount(folder: string): void {
  execFileSync('umount', ['--lazy', folder], { stdio: 'pipe', timeout: 60_000 });
}
