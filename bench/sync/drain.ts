/** Lets a device hand its whole backlog to a server, and takes the time of that and of the events told meanwhile. */
import { type LogLine, startProcess } from '../../test/support/processes.ts';
import { TcpProxy } from '../../test/support/tcp-proxy.ts';
import { type Backlog, DEVICE, SLOT } from './backlog.ts';
import { type BrokerKind, startCentral } from './central.ts';

export interface Drained {
  readonly recordsPerS: number;
  /** Of batches, as published. */
  readonly bytesSent: number;
  /** From an event's record on the device to its commit at the server, ms. */
  readonly eventDelaysMs: number[];
}

/** Between device and broker, for so long; else as fast as they can, until all is there. */
export interface ThinLine {
  readonly bytesPerS: number;
  readonly forMs: number;
}

const LOOK_EVERY_MS = 5;
const EVENT_EVERY_MS = { fast: 25, thin: 500 } as const;
const WITHIN_MS = 150_000;
const HOLD_EVENTS = ['models-held', 'models-released'];

export async function drain(
  backlog: Backlog,
  broker: BrokerKind,
  folder: string,
  thin?: ThinLine,
): Promise<Drained> {
  backlog.rewind();
  const central = await startCentral(folder, broker);
  const line = thin && (await new TcpProxy(Number(new URL(central.brokerUrl).port)).start());
  if (thin) line?.throttle(thin.bytesPerS);
  const agent = backlog.startSyncing(line?.url ?? central.brokerUrl);
  const eventDelaysMs: number[] = [];
  let telling: NodeJS.Timeout | undefined;
  try {
    const { url } = await agent.logged('listening');
    const startedMs = timeOf(await agent.logged('link-up'));
    let held = false;
    telling = setInterval(
      () => {
        held = !held;
        void hold(String(url), held).catch(() => undefined);
      },
      EVENT_EVERY_MS[thin ? 'thin' : 'fast'],
    );
    const isDone = () =>
      thin ? Date.now() >= startedMs + thin.forMs : central.committed() >= backlog.records;
    const doneMs = await reached(isDone, () => {
      const nowMs = Date.now();
      const told = central.newEvents(HOLD_EVENTS).filter((timeMs) => timeMs >= startedMs);
      eventDelaysMs.push(...told.map((timeMs) => nowMs - timeMs));
    });
    const recordsPerS = (central.committed() / (doneMs - startedMs)) * 1000;
    return { recordsPerS, bytesSent: await bytesSent(String(url)), eventDelaysMs };
  } finally {
    clearInterval(telling);
    await agent.end();
    await line?.stop();
    await central.stop();
  }
}

/** The same records, each a message of its own. @returns records a second, over the first `records` of them */
export async function drainOneByOne(backlog: Backlog, records: number, folder: string): Promise<number> {
  const central = await startCentral(folder, 'mosquitto');
  const args = [backlog.dataDir, central.brokerUrl, DEVICE, String(records)];
  const device = startProcess('bench/sync/one-by-one.ts', args);
  try {
    const line = await device.logged('link-up');
    const doneMs = await reached(
      () => central.committed() >= records,
      () => undefined,
    );
    return (records / (doneMs - timeOf(line))) * 1000;
  } finally {
    await device.end('SIGKILL');
    await central.stop();
  }
}

/** Ms since the epoch, or as ISO text. */
function timeOf({ time }: LogLine): number {
  return new Date(time as string | number).getTime();
}

/** @returns when, ms since the epoch */
async function reached(isDone: () => boolean, look: () => void): Promise<number> {
  const untilMs = Date.now() + WITHIN_MS;
  while (!isDone()) {
    look();
    if (Date.now() > untilMs) throw new Error(`the records did not come within ${WITHIN_MS} ms`);
    await new Promise((next) => setTimeout(next, LOOK_EVERY_MS));
  }
  return Date.now();
}

async function hold(url: string, held: boolean): Promise<void> {
  const body = held ? { hold: true, slot: SLOT, reason: 'bench' } : { hold: false, slot: SLOT };
  await fetch(`${url}/api/hold`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
}

async function bytesSent(url: string): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text();
  return Number(/^andon_upload_bytes_total (\d+)/m.exec(text)?.[1]);
}
