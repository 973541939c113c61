/** aedes inside this process: the broker for one machine, so that nothing else has to be installed. */
import { randomBytes } from 'node:crypto';
import { createServer, type Server, type Socket } from 'node:net';
import { Aedes } from 'aedes';
import type { Logger } from 'pino';
import { LIMITS } from '../../protocol/limits.ts';
import { parseUpTopic } from '../../protocol/topics.ts';
import type { Counters } from '../counters.ts';
import { listen } from '../listen.ts';
import { PacketSizeGuard } from './packet-size-guard.ts';

export interface EmbeddedBrokerDeps {
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  readonly counters: Counters;
  readonly log: Logger;
}

/** What stands around a payload: fixed header, topic, packet id. */
const PACKET_OVERHEAD_BYTES = 512;
/** A subscriber that takes nothing for this long is cut: what waits for it holds up everyone's messages. */
const CUT_STUCK_AFTER_MS = 15_000;

export class EmbeddedBroker {
  readonly #deps: EmbeddedBrokerDeps;
  readonly #sockets = new Set<Socket>();
  #running: { readonly aedes: Aedes; readonly server: Server } | undefined;
  /** How the server's own link proves itself; new with every start, never written anywhere. */
  readonly credentials = { username: 'andon-server', password: randomBytes(24).toString('hex') };

  constructor(deps: EmbeddedBrokerDeps) {
    this.#deps = deps;
  }

  /**
   * @returns the mqtt:// address
   * @throws CodedError PORT_TAKEN
   */
  async start(): Promise<string> {
    const { host, port } = this.#deps;
    const aedes = await Aedes.createBroker({ maxClientsIdLength: 128, drainTimeout: CUT_STUCK_AFTER_MS });
    const servers = new WeakSet<object>();
    // No session outlives its connection: the wire contract needs none, and those of clients that never return would
    // fill the memory.
    aedes.preConnect = (_client, packet, done) => {
      packet.clean = true;
      done(null, true);
    };
    aedes.authenticate = (client, username, password, done) => {
      const claimsServer = username === this.credentials.username;
      const isServer = claimsServer && password?.toString() === this.credentials.password;
      if (isServer) servers.add(client);
      done(null, isServer || !claimsServer);
    };
    // Acknowledgements are not signed, so only the server may send what goes down to devices.
    aedes.authorizePublish = (client, packet, done) => {
      if ((client && servers.has(client)) || parseUpTopic(packet.topic)) return done(null);
      this.#deps.counters.add('TOPIC_REFUSED');
      done(new Error(`devices may not publish on ${packet.topic.slice(0, 256)}`));
    };
    aedes.on('clientError', () => this.#deps.counters.add('broker.client-error'));
    aedes.on('connectionError', () => this.#deps.counters.add('broker.connection-error'));
    const server = createServer({ noDelay: true }, (socket) => this.#accept(aedes, socket));
    try {
      const address = await listen(server, { host, port, what: 'the embedded broker', key: 'broker.port' });
      this.#running = { aedes, server };
      return `mqtt://${address}`;
    } catch (error) {
      aedes.close();
      throw error;
    }
  }

  async stop(): Promise<void> {
    const running = this.#running;
    if (!running) return;
    this.#running = undefined;
    const closed = new Promise<void>((resolve) => running.server.close(() => resolve()));
    await new Promise<void>((resolve) => running.aedes.close(() => resolve()));
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  #accept(aedes: Aedes, socket: Socket): void {
    this.#sockets.add(socket);
    socket.once('close', () => this.#sockets.delete(socket));
    socket.setNoDelay(true);
    aedes.handle(socket);
    // aedes pulls the bytes with 'readable'; 'data' then shows each chunk as it is pulled, and does not pull itself.
    const guard = new PacketSizeGuard(LIMITS.messageBytes + PACKET_OVERHEAD_BYTES);
    socket.on('data', (chunk: Buffer) => {
      if (guard.accepts(chunk)) return;
      this.#deps.counters.add('PAYLOAD_TOO_LARGE');
      this.#deps.log.warn(
        { event: 'client-cut', peer: socket.remoteAddress },
        'a client sent an oversized packet',
      );
      socket.destroy();
    });
  }
}
