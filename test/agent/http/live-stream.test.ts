import { connect, type Socket } from 'node:net';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { systemClock } from '../../../agent/clock.ts';
import { OperatorPin } from '../../../agent/http/operator-pin.ts';
import { StatusServer } from '../../../agent/http/status-server.ts';
import { Counters } from '../../../daemon/counters.ts';
import { sampleView } from './sample-view.ts';

let listeners: Set<() => void>;
let counters: Counters;
let server: StatusServer;
let url: string;
let version: number;
let padding: string;
let isBroken: boolean;
const sockets: Socket[] = [];

async function startServer(): Promise<void> {
  server = new StatusServer({
    host: '127.0.0.1',
    port: 0,
    view: () => {
      if (isBroken) throw Object.assign(new Error('disk I/O error'), { code: 'SQLITE_IOERR' });
      return sampleView({
        headline: { severity: 'info', text: `version ${version}${padding}`, next: null },
      });
    },
    changed: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    hold: () => undefined,
    plan: () => [],
    download: { addTo: () => undefined },
    answer: async () => {},
    lookedAt: async () => {},
    lineEvents: async () => {},
    install: async () => ({ slot: '', title: '' }),
    pin: new OperatorPin(null, systemClock),
    metricsText: () => '',
    pageFolder: '/nowhere',
    log: pino({ level: 'silent' }),
    counters,
  });
  url = await server.start();
}

beforeEach(async () => {
  listeners = new Set();
  counters = new Counters();
  version = 0;
  padding = '';
  isBroken = false;
  await startServer();
});
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await server.stop();
});

const until = (condition: () => boolean) => vi.waitUntil(condition, { timeout: 10_000, interval: 5 });

function change(): void {
  version += 1;
  for (const listener of listeners) listener();
}

/** A viewer over a bare socket: what it received, and when. */
function openViewer(): {
  text: () => string;
  versions: () => number[];
  closed: () => boolean;
  socket: Socket;
} {
  const socket = connect(Number(new URL(url).port), '127.0.0.1');
  sockets.push(socket);
  let received = '';
  let closed = false;
  socket.setEncoding('utf8');
  socket.on('data', (data: string) => {
    received += data;
  });
  socket.on('close', () => {
    closed = true;
  });
  socket.on('error', () => {});
  socket.write('GET /api/live HTTP/1.1\r\nHost: localhost\r\n\r\n');
  return {
    socket,
    text: () => received,
    closed: () => closed,
    versions: () => [...received.matchAll(/"version (\d+)/g)].map((match) => Number(match[1])),
  };
}

describe('GET /api/live', () => {
  it('sends the whole view at once, as an event stream with the security headers', async () => {
    const viewer = openViewer();
    await until(() => viewer.versions().length === 1);
    expect(viewer.text()).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
    expect(viewer.text()).toContain('content-type: text/event-stream');
    expect(viewer.text()).toContain("frame-ancestors 'none'");
    const data = /\ndata: (.*)\n\n/.exec(viewer.text())?.[1] ?? '';
    expect(JSON.parse(data)).toEqual(
      sampleView({ headline: { severity: 'info', text: 'version 0', next: null } }),
    );
  });

  it('sends a change at once and a burst of changes as one, half a second later', async () => {
    const viewer = openViewer();
    await until(() => viewer.versions().length === 1);
    const sentMs = performance.now();
    change();
    for (let i = 0; i < 50; i++) change();
    await until(() => viewer.versions().length === 3);
    expect(performance.now() - sentMs).toBeGreaterThan(400);
    expect(viewer.versions()).toEqual([0, 1, 51]);
  });

  it('refuses one viewer too many and has room again when one leaves', async () => {
    const viewers = Array.from({ length: 16 }, openViewer);
    await until(() => viewers.every((viewer) => viewer.versions().length === 1));
    const refused = await fetch(`${url}/api/live`);
    expect(refused.status).toBe(503);
    expect(await refused.json()).toMatchObject({ code: 'TOO_MANY_VIEWERS' });
    viewers[0]?.socket.destroy();
    await vi.waitUntil(
      async () => {
        const response = await fetch(`${url}/api/live`);
        await response.body?.cancel();
        return response.status === 200;
      },
      { timeout: 10_000, interval: 20 },
    );
  });

  it('cuts off a viewer that reads nothing, and goes on with the others', async () => {
    const [slow, quick] = [openViewer(), openViewer()];
    await until(() => slow.versions().length === 1 && quick.versions().length === 1);
    slow.socket.pause();
    padding = 'x'.repeat(8 * 1024 * 1024);
    await vi.waitUntil(
      () => {
        change();
        return counters.get('http.slow-viewers-dropped') > 0;
      },
      { timeout: 15_000, interval: 50 },
    );
    padding = '';
    change();
    await until(() => quick.versions().at(-1) === version);
    expect(quick.closed()).toBe(false);
  });

  it('harms nobody who changes something while the view cannot be read, and goes on when it can', async () => {
    const early = openViewer();
    await until(() => early.versions().length === 1);
    isBroken = true;
    expect(() => change()).not.toThrow();
    expect(counters.get('SQLITE_IOERR')).toBe(1);
    const late = openViewer();
    await until(() => late.text().includes('retry: 2000'));
    isBroken = false;
    change();
    await until(() => early.versions().at(-1) === 2 && late.versions().at(-1) === 2);
  });

  it('ends every stream when the server stops', async () => {
    const viewer = openViewer();
    await until(() => viewer.versions().length === 1);
    await server.stop();
    await until(() => viewer.closed());
    expect(listeners.size).toBe(0);
  });
});

describe('the heartbeat', () => {
  it('tells a quiet viewer every 15 s that the agent is still there', async () => {
    await server.stop();
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
    try {
      await startServer();
      const viewer = openViewer();
      await until(() => viewer.versions().length === 1);
      expect(viewer.text()).not.toContain(': still here');
      vi.advanceTimersByTime(15_000);
      await until(() => viewer.text().includes(': still here\n\n'));
    } finally {
      vi.useRealTimers();
    }
  });
});
