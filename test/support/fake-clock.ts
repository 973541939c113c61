/** A wall clock for a real process and its children, that shows what a test wants and may jump while they run. Linux with a C compiler. */
import { execFileSync } from 'node:child_process';
import { closeSync, constants, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe } from 'vitest';

const SOURCE = fileURLToPath(new URL('./fake-clock.c', import.meta.url));
const COMPILE_WITHIN_MS = 60_000;

export class FakeClock {
  readonly #folder = mkdtempSync(join(tmpdir(), 'andon-clock-'));

  /** @param nowMs what it shows at first, ms since the Unix epoch */
  constructor(nowMs: number) {
    const library = join(this.#folder, 'fake-clock.so');
    const flags = ['-shared', '-fPIC', '-O2', '-Wall', '-Werror', '-o', library, SOURCE, '-ldl'];
    execFileSync('cc', flags, { timeout: COMPILE_WITHIN_MS });
    this.set(nowMs);
  }

  /** For the process that shall go by it. */
  get env(): NodeJS.ProcessEnv {
    return { LD_PRELOAD: join(this.#folder, 'fake-clock.so'), ANDON_FAKE_CLOCK: this.#file };
  }

  /** It shows this from now on, and runs on. @param nowMs ms since the Unix epoch */
  set(nowMs: number): void {
    const ahead = Buffer.alloc(8);
    ahead.writeBigInt64LE(BigInt(Math.round(nowMs - Date.now())));
    // In place, never cut to nothing in between: running processes have it mapped.
    const fd = openSync(this.#file, constants.O_RDWR | constants.O_CREAT);
    writeSync(fd, ahead, 0, ahead.length, 0);
    closeSync(fd);
  }

  remove(): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }

  get #file(): string {
    return join(this.#folder, 'ahead');
  }
}

/** `describe`, where a process can be given a false clock. Where not: skipped with a line that says so, or failed under ANDON_REQUIRE_SYSTEM=1. */
export function describeWithFakeClock(name: string, fn: () => void): void {
  if (process.platform === 'linux' && (hasCompiler() || process.env.ANDON_REQUIRE_SYSTEM === '1')) {
    describe(name, fn);
    return;
  }
  console.warn(`skipped "${name}": it needs Linux and a C compiler (Debian: apt-get install gcc)`);
  describe.skip(name, fn);
}

function hasCompiler(): boolean {
  try {
    execFileSync('cc', ['--version'], { stdio: 'ignore', timeout: 10_000 });
    return true;
  } catch {
    return false;
  }
}
