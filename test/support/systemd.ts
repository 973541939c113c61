/** A real systemd that runs units of a test, as the first process of namespaces of its own: nothing of the machine's own is touched. Root only. */
import { type ChildProcess, execFile, execFileSync, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe } from 'vitest';
import { waitFor } from './processes.ts';

const SYSTEMD = '/lib/systemd/systemd';
const NAMESPACES = ['--fork', '--pid', '--mount', '--cgroup', '--mount-proc', '--kill-child'];
const BOOT = 'mount --make-rprivate / && mount -t tmpfs tmpfs /run && mount -t cgroup2 none /sys/fs/cgroup';
const CALL_WITHIN_MS = 30_000;

export class Systemd {
  readonly #folder = mkdtempSync(join(tmpdir(), 'andon-systemd-'));
  #unshare: ChildProcess | undefined;

  /**
   * @param units their texts by file name
   * @param wants those to start
   * @param before shell commands in its mounts, before it begins
   */
  async start(
    units: Readonly<Record<string, string>>,
    wants: readonly string[],
    before: readonly string[] = [],
  ): Promise<this> {
    const folder = join(this.#folder, 'system');
    mkdirSync(folder);
    const target = `[Unit]\nDescription=test\nWants=${wants.join(' ')}\n`;
    for (const [name, text] of Object.entries({ ...units, 'test.target': target })) {
      writeFileSync(join(folder, name), text);
    }
    const boot = [
      BOOT,
      'mkdir -p /run/systemd',
      `cp -r ${folder} /run/systemd/system`,
      ...before,
      `exec ${SYSTEMD} --system --unit=test.target --log-target=null --show-status=0`,
    ].join(' && ');
    this.#unshare = spawn('unshare', [...NAMESPACES, 'sh', '-c', boot], {
      stdio: 'ignore',
      env: { ...process.env, container: 'lxc' },
    });
    const answers = () =>
      this.systemctl('is-system-running').then(
        () => true,
        // `degraded` and `starting` are answers too; `offline` says that nobody is there yet.
        (error: { stdout?: string }) => /^(?!offline|unknown)\w/.test(error.stdout ?? ''),
      );
    await waitFor(answers, 2 * CALL_WITHIN_MS, 'systemd');
    return this;
  }

  /** @returns what it printed */
  async systemctl(...args: readonly string[]): Promise<string> {
    return this.#inside('systemctl', ...args);
  }

  /** One property of a unit. */
  async show(unit: string, property: string): Promise<string> {
    return (await this.systemctl('show', unit, '-p', property, '--value')).trim();
  }

  /** Sends a signal to a process by its id there. */
  async kill(signal: 'STOP' | 'KILL', pid: string): Promise<void> {
    await this.#inside('kill', `-${signal}`, pid);
  }

  async stop(): Promise<void> {
    const unshare = this.#unshare;
    if (unshare && unshare.exitCode === null && unshare.signalCode === null) {
      const ended = new Promise((resolve) => unshare.once('exit', resolve));
      unshare.kill('SIGKILL');
      await ended;
    }
    rmSync(this.#folder, { recursive: true, force: true });
  }

  async #inside(...command: readonly string[]): Promise<string> {
    const init = firstChild(this.#unshare?.pid ?? 0);
    const args = ['-t', init, '-m', '-p', ...command];
    const { stdout } = await promisify(execFile)('nsenter', args, { timeout: CALL_WITHIN_MS });
    return stdout;
  }
}

/** `describe`, where this user may run a systemd of its own. Where not: skipped with a line that says so. */
export function describeWithSystemd(name: string, fn: () => void): void {
  if (mayRun()) {
    describe(name, fn);
    return;
  }
  console.warn(`skipped "${name}": it needs root, systemd, and namespaces`);
  describe.skip(name, fn);
}

function firstChild(pid: number): string {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ');
  return children[0] ?? '';
}

function mayRun(): boolean {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return false;
  try {
    const probe = `${BOOT} && test -x ${SYSTEMD} && systemctl --version`;
    execFileSync('unshare', [...NAMESPACES, 'sh', '-c', probe], { stdio: 'ignore', timeout: CALL_WITHIN_MS });
    return true;
  } catch {
    return false;
  }
}
