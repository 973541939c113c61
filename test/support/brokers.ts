/** Real brokers for tests: aedes inside this process, Mosquitto as its own process. */
import { type ChildProcess, spawn } from 'node:child_process';
import { accessSync, constants, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, connect as connectTcp, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { Aedes } from 'aedes';
import { describe } from 'vitest';

export interface TestBroker {
  readonly port: number;
  readonly url: string;
  /** Ends it and drops all connections. */
  stop(): Promise<void>;
  /** Ends it and starts it again on the same port; what it retained in memory is gone. */
  restart(): Promise<void>;
}

export type StartBroker = () => Promise<TestBroker>;

/** @param wanted port; 0 takes a free one */
export async function startAedes(wanted = 0): Promise<TestBroker> {
  let running = await openAedes(wanted);
  const port = running.port;
  return {
    port,
    url: urlOf(port),
    stop: () => running.stop(),
    restart: async () => {
      await running.stop();
      running = await openAedes(port);
    },
  };
}

/** For tests that look into it, or change what it does. */
export interface OpenAedes {
  readonly aedes: Aedes;
  readonly port: number;
  /** Ends it and drops all connections. */
  stop(): Promise<void>;
}

/** @param wanted port; 0 takes a free one */
export async function openAedes(wanted = 0): Promise<OpenAedes> {
  const aedes = await Aedes.createBroker();
  const sockets = new Set<Socket>();
  const server = createServer({ noDelay: true }, (socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    socket.on('error', () => undefined);
    aedes.handle(socket);
  });
  const port = await listen(server, wanted);
  const stop = async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise<void>((resolve) => server.close(() => resolve()));
    await new Promise<void>((resolve) => aedes.close(() => resolve()));
  };
  return { aedes, port, stop };
}

/** Where mosquitto is, if anywhere: in PATH, or where Debian puts it outside of a user's PATH. */
function mosquittoPath(): string | undefined {
  const folders = [
    ...(process.env.PATH ?? '').split(delimiter),
    '/usr/sbin',
    '/usr/local/sbin',
    '/opt/homebrew/sbin',
  ];
  return folders.map((folder) => join(folder, 'mosquitto')).find(isExecutable);
}

function mosquittoAvailable(): boolean {
  return mosquittoPath() !== undefined;
}

/** A real Mosquitto on a free loopback port, with its files in a temporary folder that `stop` removes. */
export async function startMosquitto(): Promise<TestBroker> {
  const folder = mkdtempSync(join(tmpdir(), 'andon-mosquitto-'));
  const port = await freePort();
  const config = join(folder, 'mosquitto.conf');
  writeFileSync(
    config,
    [
      `listener ${port} 127.0.0.1`,
      'allow_anonymous true',
      'set_tcp_nodelay true',
      'persistence false',
      'log_type error',
      '',
    ].join('\n'),
  );
  const running = await startMosquittoWith(config, port);
  return {
    ...running,
    stop: async () => {
      await running.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** A real Mosquitto with a configuration of the test's own. @param port that it listens on, on loopback */
export async function startMosquittoWith(
  config: string,
  port: number,
): Promise<TestBroker & { reload(): void }> {
  const path = mosquittoPath();
  if (path === undefined) throw new Error('mosquitto is not installed (Debian: apt-get install mosquitto)');
  let child = await spawnMosquitto(path, config, port);
  return {
    port,
    url: urlOf(port),
    stop: () => end(child),
    /** Rules, certificates and the list of revoked ones, from their files. */
    reload: () => child.kill('SIGHUP'),
    restart: async () => {
      await end(child);
      child = await spawnMosquitto(path, config, port);
    },
  };
}

/** `describe`, where mosquitto is installed. Where not: skipped with a line that says so, or failed under ANDON_REQUIRE_SYSTEM=1. */
export function describeWithMosquitto(name: string, fn: () => void): void {
  if (mosquittoAvailable() || process.env.ANDON_REQUIRE_SYSTEM === '1') {
    describe(name, fn);
    return;
  }
  console.warn(`skipped "${name}": mosquitto is not installed (Debian: apt-get install mosquitto)`);
  describe.skip(name, fn);
}

/** The same specification against each broker. */
export function describeWithEachBroker(name: string, fn: (start: StartBroker) => void): void {
  describe(`${name} (aedes)`, () => fn(startAedes));
  describeWithMosquitto(`${name} (Mosquitto)`, () => fn(startMosquitto));
}

/** A loopback port that nobody listened on a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer();
  const port = await listen(server, 0);
  await new Promise<void>((resolve) => server.close(() => resolve()));
  return port;
}

async function spawnMosquitto(path: string, config: string, port: number): Promise<ChildProcess> {
  const child = spawn(path, ['-c', config], { stdio: ['ignore', 'ignore', 'pipe'] });
  let output = '';
  child.stderr?.on('data', (bytes: Buffer) => {
    output = (output + bytes.toString()).slice(-4000);
  });
  const untilMs = Date.now() + 10_000;
  while (!(await answers(port))) {
    if (child.exitCode !== null || Date.now() > untilMs)
      throw new Error(`mosquitto did not start: ${output}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return child;
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGKILL');
  await exited;
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connectTcp({ port, host: '127.0.0.1' });
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}

async function listen(server: Server, port: number): Promise<number> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', resolve);
  });
  return (server.address() as AddressInfo).port;
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function urlOf(port: number): string {
  return `mqtt://127.0.0.1:${port}`;
}
