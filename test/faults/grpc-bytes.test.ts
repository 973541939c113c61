/** What is no gRPC, at the port where a device speaks it: it refuses what it can, takes little memory for it, and works on. */
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect as connectHttp2 } from 'node:http2';
import { connect, type Socket } from 'node:net';
import fc from 'fast-check';
import { expect, it, onTestFinished } from 'vitest';
import { LIVE } from '../../agent/http/grpc/oip-messages.ts';
import { decodeMessage } from '../../agent/http/grpc/protobuf.ts';
import { inputs } from '../property/support/mutations.ts';
import { waitFor } from '../support/processes.ts';
import { DeviceProcess, SLOT } from './support/device-process.ts';
import { honestCalls, http2Attacks } from './support/doors/http2-attacks.ts';
import { tabulateDoor } from './support/fault-table.ts';
import { isLong, restartsTimeoutMs, times } from './support/form.ts';
import { newFolder } from './support/scene.ts';

const ROUNDS = times(1, 5);
const MUTATED = times(200, 5000);
const AT_ONCE = 20;
const SEED = Number(process.env.ANDON_FAULTS_SEED ?? 1);
/** Nobody who broke the rules is told good-bye: after so long without a word it is over. */
const QUIET_MS = 300;
/** Half messages may take 64 MiB, and answers and headers something. */
const MOST_MIB = 256;
const GOES_AWAY_WITHIN_MS = 180_000;

it(
  'holds none up: the device predicts and answers on, and what it is sent takes little memory',
  async () => {
    const device = new DeviceProcess(newFolder(), { everyMs: 20, http: { grpc: true } });
    await device.start();
    await device.unsentAtLeast(10);
    await askHonestly(device.url);
    const port = Number(new URL(device.url).port);
    const attacks = Object.entries(http2Attacks(SLOT));
    const peakMiB = mostMemory(device.pid);
    let sent = 0;
    // These stay open until the end, as those of a slow attacker would.
    for (const [, bytes] of attacks) if (bytes.length < 10_000) hold(port, bytes);
    for (let round = 0; round < ROUNDS; round++) {
      for (const [name, bytes] of attacks) {
        await say(port, bytes);
        sent += 1;
        expect(device.ended, `it ended after ${name}: ${device.output}`).toBe(false);
      }
      await askHonestly(device.url);
    }
    const mutated = fc.sample(inputs(honestCalls(SLOT)), { seed: SEED, numRuns: MUTATED });
    for (let at = 0; at < mutated.length; at += AT_ONCE) {
      await Promise.all(mutated.slice(at, at + AT_ONCE).map((bytes) => say(port, bytes)));
    }
    sent += mutated.length;
    await askHonestly(device.url);

    const { counters, engine } = await device.status();
    expect(engine.alive).toBe(true);
    expect(Object.keys(counters)).toEqual(
      expect.arrayContaining(['HOST_REFUSED', 'METHOD_NOT_ALLOWED', 'QUEUE_FULL', 'REQUEST_INVALID']),
    );
    expect(counters.UNEXPECTED ?? 0, device.output).toBe(0);
    expect(mostMemory(device.pid) - peakMiB).toBeLessThan(MOST_MIB);
    const seq = await device.lastSeq();
    await waitFor(async () => (await device.lastSeq()) > seq, 30_000, 'the line to go on');
    // By itself it lets go of everybody who fell silent.
    if (isLong) {
      await waitFor(async () => (await connections(device)) <= 2, GOES_AWAY_WITHIN_MS, 'connections to end');
    }
    expect(device.ended).toBe(false);
    await tabulateDoor({
      door: 'gRPC of the agent, bytes that are no calls',
      addresses: 1,
      sent,
      refused: null,
      counted: Object.values(counters).reduce((sum, count) => sum + count, 0),
      changed: 0,
      codes: Object.keys(counters).sort(),
    });
  },
  restartsTimeoutMs,
);

/** With the clients of Node: over gRPC, and the page beside it. */
async function askHonestly(url: string): Promise<void> {
  const session = connectHttp2(url);
  const stream = session.request({
    ':method': 'POST',
    ':path': '/inference.GRPCInferenceService/ServerLive',
    'content-type': 'application/grpc',
  });
  stream.end(Buffer.alloc(5));
  const chunks: Buffer[] = [];
  stream.on('data', (chunk: Buffer) => chunks.push(chunk));
  await once(stream, 'end');
  session.close();
  expect(decodeMessage(LIVE, Buffer.concat(chunks).subarray(5))).toEqual({ live: true });
  expect((await fetch(`${url}/api/health`)).status).toBe(200);
}

function hold(port: number, bytes: Buffer): void {
  const socket = opened(port);
  socket.write(bytes);
  onTestFinished(() => void socket.destroy());
}

/** Resolves when the other side has closed, or has nothing more to say. */
function say(port: number, bytes: Buffer): Promise<void> {
  return new Promise((resolve) => {
    const socket = opened(port);
    socket.on('close', () => resolve());
    // It counts from the last byte that went or came.
    socket.end(bytes, () => socket.setTimeout(QUIET_MS, () => socket.destroy()));
  });
}

function opened(port: number): Socket {
  const socket = connect(port, '127.0.0.1');
  socket.on('data', () => undefined);
  // It may refuse and close before it has read all.
  socket.on('error', () => undefined);
  return socket;
}

async function connections(device: DeviceProcess): Promise<number> {
  const text = await (await fetch(`${device.url}/metrics`)).text();
  return Number(/^andon_http_connections (\d+)/m.exec(text)?.[1] ?? Number.NaN);
}

/** Resident, over its life so far, MiB; 0 where the system does not tell. */
function mostMemory(pid: number): number {
  if (process.platform !== 'linux') return 0;
  return Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024;
}
