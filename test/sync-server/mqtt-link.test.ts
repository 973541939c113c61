import { createServer, type Socket } from 'node:net';
import { Aedes } from 'aedes';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { Counters } from '../../daemon/counters.ts';
import { listen } from '../../sync-server/listen.ts';
import { MqttLink } from '../../sync-server/mqtt-link.ts';
import { SOON, silentLog } from './support.ts';

/** @returns the mqtt:// address of a TCP server that hands each connection to `accept` */
async function serve(accept: (socket: Socket) => void): Promise<string> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    accept(socket);
  });
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return `mqtt://${await listen(server, { host: '127.0.0.1', port: 0, what: 'a broker', key: 'x' })}`;
}

function linkTo(url: string) {
  const counters = new Counters();
  const connects: boolean[] = [];
  const link = new MqttLink({
    broker: { url },
    log: silentLog,
    counters,
    onMessage: () => undefined,
    onConnect: () => connects.push(true),
  });
  link.start();
  onTestFinished(() => link.stop());
  return { link, counters, connects };
}

/** Lets everybody in, grants every subscription, and never answers anything else. */
function muteBroker(socket: Socket): void {
  socket.on('data', (bytes) => {
    const kind = (bytes[0] ?? 0) >> 4;
    if (kind === 1) socket.write(Buffer.from([0x20, 2, 0, 0]));
    if (kind === 8) socket.write(Buffer.from([0x90, 7, bytes[2] ?? 0, bytes[3] ?? 0, 1, 1, 1, 1, 1]));
  });
}

describe('the link to the broker', () => {
  it('ends, and with it every wait for an answer, when the broker answers nothing any more', async () => {
    const { link, connects } = linkTo(await serve(muteBroker));
    await vi.waitFor(() => expect(connects).toHaveLength(1), SOON);
    const publishing = link.publish('andon/v1/mill-1/desired', 'x', true);
    await link.stop();
    expect(await publishing).toBe(false);
  });

  it('takes nothing to publish while it is offline, and counts that', async () => {
    const { link, counters } = linkTo('mqtt://127.0.0.1:9');
    expect(await link.publish('andon/v1/mill-1/desired', 'x')).toBe(false);
    expect(counters.get('link.offline')).toBe(1);
  });

  it('connects anew, and says so, while the broker refuses its subscriptions', async () => {
    const aedes = await Aedes.createBroker();
    onTestFinished(() => aedes.close());
    let allowed = false;
    aedes.authorizeSubscribe = (_client, subscription, done) => done(null, allowed ? subscription : null);
    const { counters, connects } = linkTo(await serve((socket) => aedes.handle(socket)));
    await vi.waitFor(() => expect(counters.get('link.SUBSCRIBE_REFUSED')).toBe(1), SOON);
    expect(connects).toEqual([]);
    allowed = true;
    await vi.waitFor(() => expect(connects).toHaveLength(1), SOON);
  });
});
