/** The socket of a service manager: a real unix datagram socket (which Node does not have, so Python holds it), and what came to it. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe } from 'vitest';
import { waitFor } from './wait-for.ts';

/** Prints each datagram as a JSON text. The descriptor that comes with BARRIER=1 is closed, which is its answer. */
const PEER = `
import json, os, socket, sys
peer = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
peer.bind(sys.argv[1])
while True:
    data, ancillary, _, _ = peer.recvmsg(4096, socket.CMSG_SPACE(64))
    for _, kind, fds in ancillary:
        if kind == socket.SCM_RIGHTS:
            for i in range(0, len(fds), 4):
                os.close(int.from_bytes(fds[i:i + 4], sys.byteorder))
    print(json.dumps(data.decode()), flush=True)
`;

export class NotifySocket {
  /** Oldest first, without the barriers of systemd-notify. */
  readonly messages: string[] = [];
  readonly #folder = mkdtempSync(join(tmpdir(), 'andon-notify-'));
  #peer: ChildProcess | undefined;

  get path(): string {
    return join(this.#folder, 'notify');
  }

  async start(): Promise<this> {
    const peer = spawn('python3', ['-c', PEER, this.path], { stdio: ['ignore', 'pipe', 'inherit'] });
    let rest = '';
    peer.stdout.on('data', (bytes: Buffer) => {
      const lines = (rest + bytes.toString()).split('\n');
      rest = lines.pop() ?? '';
      const messages = lines.map((line) => JSON.parse(line) as string);
      this.messages.push(...messages.filter((message) => message !== 'BARRIER=1'));
    });
    this.#peer = peer;
    await waitFor('the socket', () => existsSync(this.path), 30_000);
    return this;
  }

  count(message: string): number {
    return this.messages.filter((each) => each === message).length;
  }

  async stop(): Promise<void> {
    const peer = this.#peer;
    if (peer && peer.exitCode === null) {
      const ended = new Promise((resolve) => peer.once('exit', resolve));
      peer.kill('SIGKILL');
      await ended;
    }
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** `describe`, where systemd-notify and Python are installed. Where not: skipped with a line that says so, or failed under ANDON_REQUIRE_SYSTEM=1. */
export function describeWithSystemdNotify(name: string, fn: () => void): void {
  if ((isThere('systemd-notify') && isThere('python3')) || process.env.ANDON_REQUIRE_SYSTEM === '1') {
    describe(name, fn);
    return;
  }
  console.warn(`skipped "${name}": systemd-notify or python3 is not installed`);
  describe.skip(name, fn);
}

function isThere(program: string): boolean {
  try {
    execFileSync(program, ['--version'], { stdio: 'ignore', timeout: 10_000 });
    return true;
  } catch {
    return false;
  }
}
