/** What is no MQTT at all: neither a client that speaks it to the embedded broker nor a broker that speaks it to a device does harm. */
import { connect } from 'node:net';
import fc from 'fast-check';
import { connectAsync } from 'mqtt';
import { expect, it, onTestFinished } from 'vitest';
import type { StatusView } from '../../agent/http/view.ts';
import { clientIdOf, topics } from '../../protocol/topics.ts';
import { inputs } from '../property/support/mutations.ts';
import { waitFor } from '../support/processes.ts';
import { BabblingBroker } from './support/doors/babbling-broker.ts';
import { mqttBytes } from './support/doors/mqtt-bytes.ts';
import { HOUSE_DEVICE, openAgent, openServer } from './support/doors/open-house.ts';
import { changedTables, digestTables } from './support/doors/table-digest.ts';
import { tabulateDoor } from './support/fault-table.ts';
import { restartsTimeoutMs, times } from './support/form.ts';
import { fetchJson } from './support/scene.ts';

const CONNECTIONS = times(100, 1500);
const SEED = Number(process.env.ANDON_FAULTS_SEED ?? 1);
const WITHIN_MS = 30_000;
const NONSENSE = Buffer.alloc(60, 0xfe);
/** The refused messages themselves, and when the device was last heard of. */
const MAY_CHANGE = ['dead_letters', 'devices'];

it(
  'at the embedded broker: it cuts who sends it, and serves the others',
  async () => {
    const server = await openServer();
    const { brokerUrl } = server.running;
    const before = digestTables(server.database, MAY_CHANGE);
    const counters = async () => {
      const headers = { authorization: `Bearer ${server.tokens.viewer}` };
      const answer = await fetch(`${server.running.url}/api/health`, { headers });
      return ((await answer.json()) as { counters: Record<string, number> }).counters;
    };
    for (const bytes of streams(fromClients)) await sayAndLeave(Number(new URL(brokerUrl).port), bytes);
    const honest = await connectAsync(brokerUrl, { clientId: clientIdOf('honest'), protocolVersion: 4 });
    await honest.subscribeAsync(topics.desired('honest'), { qos: 1 });
    await honest.endAsync();
    const counted = await counters();
    expect(sumOf(counted)).toBeGreaterThan(0);
    const changed = changedTables(before, digestTables(server.database, MAY_CHANGE));
    expect(changed).toEqual([]);
    await tabulateDoor({
      door: 'MQTT of the server, bytes that are no packets',
      addresses: 1,
      sent: CONNECTIONS,
      refused: null,
      counted: sumOf(counted),
      changed: changed.length,
      codes: Object.keys(counted),
    });
  },
  restartsTimeoutMs,
);

it(
  'at a device, from its broker: it leaves, counts it and comes back',
  async () => {
    const answers = streams(fromBrokers);
    const broker = await new BabblingBroker(answers).start();
    // It lets the test end a wait for the next try.
    process.env.ANDON_DEMO = '1';
    onTestFinished(() => void delete process.env.ANDON_DEMO);
    const agent = await openAgent({ sync: { broker: broker.url, retryMs: 50 } });
    const cut = async (on: boolean) => {
      const headers = { 'content-type': 'application/json' };
      const body = JSON.stringify({ cut: on });
      const answer = await fetch(`${agent.running.url}/api/demo/link`, { method: 'POST', headers, body });
      expect(answer.status).toBe(200);
    };
    while (broker.answered < CONNECTIONS) {
      const { answered } = broker;
      await cut(false);
      await waitFor(() => broker.answered > answered, WITHIN_MS, 'the device to come back');
      await cut(true);
    }
    const { counters, engine, slots } = await fetchJson<StatusView>(`${agent.running.url}/api/status`);
    expect(engine.alive).toBe(true);
    expect(slots[0]?.champion).not.toBeNull();
    expect(sumOf(counters)).toBeGreaterThan(0);
    await tabulateDoor({
      door: 'MQTT of the agent, bytes that are no packets',
      addresses: 1,
      sent: broker.answered,
      refused: null,
      counted: sumOf(counters),
      changed: 0,
      codes: Object.keys(counters),
    });
  },
  restartsTimeoutMs,
);

function fromClients(): Buffer[] {
  const { connect: hello, publish, publishTwice, subscribe, ping, goodbye } = mqttBytes;
  const device = hello(clientIdOf(HOUSE_DEVICE));
  const birth = topics.birth(HOUSE_DEVICE);
  return [
    [device, publish(birth, NONSENSE), ping(), goodbye()],
    [device, publishTwice(birth, NONSENSE), publish(topics.up(HOUSE_DEVICE, 'events'), NONSENSE)],
    [
      device,
      subscribe(topics.desired(HOUSE_DEVICE)),
      subscribe('#'),
      publish(topics.desired('other'), NONSENSE),
    ],
    [hello('x'.repeat(100)), device, device],
  ].map((packets) => Buffer.concat(packets));
}

function fromBrokers(): Buffer[] {
  const { accepted, publish, publishTwice, subscribed, taken, ping } = mqttBytes;
  const ack = topics.ack(HOUSE_DEVICE, 'predictions');
  return [
    [accepted(), subscribed(1), taken(1), taken(2), publish(ack, NONSENSE)],
    [accepted(), publishTwice(topics.desired(HOUSE_DEVICE), NONSENSE), accepted(), ping()],
    [publish(ack, NONSENSE), accepted(), subscribed(9), taken(9)],
  ].map((packets) => Buffer.concat(packets));
}

/** Each a little or very wrong. */
function streams(seeds: () => Buffer[]): Buffer[] {
  return fc.sample(inputs(seeds()), { seed: SEED, numRuns: CONNECTIONS });
}

/** Resolves when the other side has closed too. */
function sayAndLeave(port: number, bytes: Buffer): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1');
    socket.setTimeout(WITHIN_MS, () => {
      socket.destroy();
      reject(new Error(`not closed in ${WITHIN_MS} ms after ${bytes.toString('hex').slice(0, 200)}`));
    });
    socket.on('data', () => undefined);
    socket.on('error', () => undefined);
    socket.on('close', () => resolve());
    socket.end(bytes);
  });
}

function sumOf(counters: Record<string, number>): number {
  return Object.values(counters).reduce((sum, count) => sum + count, 0);
}
