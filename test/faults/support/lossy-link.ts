/**
 * A bad line between a network namespace, where a device lives, and this machine: it loses, delays and reorders packets, lets
 * them through in one direction only, or is cut. Real IP over two TUN devices with a small forwarder between them, which
 * needs root on Linux and no more of the kernel (no netem).
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { describe, onTestFinished } from 'vitest';
import { projectRoot } from '../../support/processes.ts';

export interface LinkFaults {
  /** Share of the packets, 0 to 1, in each direction. */
  readonly loss: number;
  /** One way; each packet by up to a half more or less, so that some overtake others. */
  readonly delayMs: number;
  /** The only direction in which packets pass; `up` leads from the device to the server. */
  readonly oneWay: 'up' | 'down' | null;
  /** The device's interface is down. */
  readonly cut: boolean;
}

export interface PacketCounts {
  readonly passed: number;
  readonly lost: number;
}

const WHOLE: LinkFaults = { loss: 0, delayMs: 0, oneWay: null, cut: false };
const FORWARDER = join(projectRoot, 'test', 'faults', 'support', 'lossy-link.py');
const TUN = '/dev/net/tun';
const COMMAND_WITHIN_MS = 60_000;
const CAP_NET_ADMIN = 12n;
const CAP_SYS_ADMIN = 21n;

export class LossyLink {
  /** What runs in it sees the server over this line, and nothing else. */
  readonly namespace: string;
  /** This machine's address at its end of the line. */
  readonly serverHost: string;
  readonly #device: string;
  readonly #forwarder: ChildProcess;
  readonly #answers: AsyncIterator<string>;
  #faults = WHOLE;
  #counts: PacketCounts = { passed: 0, lost: 0 };

  private constructor(names: { namespace: string; near: string; far: string; net: string }, seed: number) {
    const { namespace, near, far, net } = names;
    this.namespace = namespace;
    this.serverHost = `${net}.1`;
    this.#device = far;
    this.#forwarder = spawn('python3', [FORWARDER, near, far, String(seed)], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    this.#forwarder.stdin?.on('error', () => undefined);
    if (!this.#forwarder.stdout) throw new Error('the forwarder has no output');
    this.#answers = createInterface({ input: this.#forwarder.stdout })[Symbol.asyncIterator]();
  }

  /** Whole and fast at first; gone when the test ends: make it before what works on it. @param seed of what gets lost */
  static async make(seed: number): Promise<LossyLink> {
    const number = process.pid;
    const names = {
      namespace: `andon-${number}`,
      near: `andn${number}`,
      far: `andf${number}`,
      net: `10.213.${number % 256}`,
    };
    const { namespace, near, far, net } = names;
    ip('netns', 'add', namespace);
    onTestFinished(() => ip('netns', 'del', namespace));
    const link = new LossyLink(names, seed);
    onTestFinished(() => link.#end());
    await link.#answer();
    ip('link', 'set', far, 'netns', namespace);
    ip('addr', 'add', `${net}.1/30`, 'dev', near);
    ip('link', 'set', near, 'up');
    ip('-n', namespace, 'addr', 'add', `${net}.2/30`, 'dev', far);
    ip('-n', namespace, 'link', 'set', far, 'up');
    // The device's own page.
    ip('-n', namespace, 'link', 'set', 'lo', 'up');
    return link;
  }

  /** Command and arguments that put a process into the namespace. */
  get inside(): readonly string[] {
    return ['nsenter', `--net=/run/netns/${this.namespace}`];
  }

  /** Packets over its life. */
  get counts(): PacketCounts {
    return this.#counts;
  }

  /** What is not named is whole. */
  async set(faults: Partial<LinkFaults>): Promise<void> {
    const before = this.#faults;
    this.#faults = { ...WHOLE, ...faults };
    const { cut, ...order } = this.#faults;
    this.#forwarder.stdin?.write(`${JSON.stringify(order)}\n`);
    await this.#answer();
    if (cut !== before.cut) ip('-n', this.namespace, 'link', 'set', this.#device, cut ? 'down' : 'up');
  }

  async #answer(): Promise<void> {
    const { value, done } = await this.#answers.next();
    if (done) throw new Error('the forwarder ended');
    this.#counts = JSON.parse(value) as PacketCounts;
  }

  async #end(): Promise<void> {
    const { exitCode, signalCode } = this.#forwarder;
    if (exitCode !== null || signalCode !== null) return;
    const ended = new Promise((resolve) => this.#forwarder.once('exit', resolve));
    this.#forwarder.kill('SIGKILL');
    await ended;
  }
}

/**
 * `describe`, where this user may make namespaces and TUN devices. Where not: skipped with a line that says so. Where they
 * may and it fails all the same: skipped too, or failed under ANDON_REQUIRE_SYSTEM=1.
 */
export function describeWithLossyLink(name: string, fn: () => void): void {
  const lacking = lackingRight() ?? (process.env.ANDON_REQUIRE_SYSTEM === '1' ? undefined : lackingTool());
  if (lacking === undefined) {
    describe(name, fn);
    return;
  }
  console.warn(`skipped "${name}": ${lacking}`);
  describe.skip(name, fn);
}

/** Even root lacks it in most containers. */
function lackingRight(): string | undefined {
  if (process.platform !== 'linux') return 'network namespaces are a part of Linux';
  const held = BigInt(`0x${/^CapEff:\s*(\w+)/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? '0'}`);
  const holds = (capability: bigint) => ((held >> capability) & 1n) === 1n;
  if (!holds(CAP_NET_ADMIN) || !holds(CAP_SYS_ADMIN))
    return 'this user may not make network namespaces (CAP_NET_ADMIN, CAP_SYS_ADMIN)';
  try {
    closeSync(openSync(TUN, 'r+'));
    return undefined;
  } catch (error) {
    return `${TUN} cannot be opened (${String(error)})`;
  }
}

function lackingTool(): string | undefined {
  try {
    ip('-V');
    execFileSync('python3', ['--version'], { stdio: 'pipe', timeout: COMMAND_WITHIN_MS });
    const probe = `andon-probe-${process.pid}`;
    ip('netns', 'add', probe);
    ip('netns', 'del', probe);
    return undefined;
  } catch (error) {
    return `the line needs iproute2, python3 and network namespaces (${String(error).split('\n')[0]})`;
  }
}

function ip(...args: string[]): void {
  execFileSync('ip', args, { stdio: 'pipe', timeout: COMMAND_WITHIN_MS });
}
