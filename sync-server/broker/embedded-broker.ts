/** aedes inside this process: the broker for one machine, so that nothing else has to be installed. */
import { randomBytes } from 'node:crypto';
import { createServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer, TLSSocket } from 'node:tls';
import { Aedes, type Client } from 'aedes';
import type { Logger } from 'pino';
import type { Counters } from '../../daemon/counters.ts';
import { LIMITS } from '../../protocol/limits.ts';
import { listen } from '../listen.ts';
import { type Identity, identify } from './client-identity.ts';
import { mayPublish, maySubscribe } from './device-access.ts';
import { PacketSizeGuard } from './packet-size-guard.ts';

export interface EmbeddedBrokerDeps {
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  /** A second listener for devices with certificates; the first then lets only the server in. */
  readonly tls?: BrokerTls | null;
  readonly counters: Counters;
  readonly log: Logger;
}

export interface BrokerTls {
  readonly host: string;
  readonly port: number;
  /** PEM: its own key and certificate, and the authority that signs devices. */
  readonly key: string;
  readonly cert: string;
  readonly ca: string;
  /** Asked at each connect: whether this certificate counts. */
  readonly admits: (device: string, serialNumber: string) => boolean;
}

/** What stands around a payload: fixed header, topic, packet id. */
const PACKET_OVERHEAD_BYTES = 512;
/** A subscriber that takes nothing for this long is cut: what waits for it holds up everyone's messages. */
const CUT_STUCK_AFTER_MS = 15_000;
const HANDSHAKE_WITHIN_MS = 10_000;

export class EmbeddedBroker {
  readonly #deps: EmbeddedBrokerDeps;
  /** Open connections; with the device once it said who it is. */
  readonly #sockets = new Map<Socket, string | undefined>();
  #running: { readonly aedes: Aedes; readonly servers: readonly Server[] } | undefined;
  #tlsUrl: string | undefined;
  /** How the server's own link proves itself; new with every start, never written anywhere. */
  readonly credentials = { username: 'andon-server', password: randomBytes(24).toString('hex') };

  constructor(deps: EmbeddedBrokerDeps) {
    this.#deps = deps;
  }

  /** The mqtts:// address for devices; undefined without TLS. */
  get tlsUrl(): string | undefined {
    return this.#tlsUrl;
  }

  /**
   * @returns the mqtt:// address
   * @throws CodedError PORT_TAKEN
   */
  async start(): Promise<string> {
    const { host, port, tls } = this.#deps;
    const aedes = await Aedes.createBroker({ maxClientsIdLength: 128, drainTimeout: CUT_STUCK_AFTER_MS });
    this.#guard(aedes);
    const plain = createServer({ noDelay: true }, (socket) => this.#accept(aedes, socket));
    const servers: Server[] = [plain];
    this.#running = { aedes, servers };
    try {
      const address = await listen(plain, { host, port, what: 'the embedded broker', key: 'broker.port' });
      if (tls) {
        const secure = this.#tlsServer(tls, aedes);
        servers.push(secure);
        const what = { what: 'the embedded broker', key: 'broker.tls.port' };
        this.#tlsUrl = `mqtts://${await listen(secure, { host: tls.host, port: tls.port, ...what })}`;
      }
      return `mqtt://${address}`;
    } catch (error) {
      await this.stop();
      throw error;
    }
  }

  async stop(): Promise<void> {
    const running = this.#running;
    if (!running) return;
    this.#running = undefined;
    const closed = running.servers.map((server) => new Promise<void>((done) => server.close(() => done())));
    await new Promise<void>((resolve) => running.aedes.close(() => resolve()));
    for (const socket of this.#sockets.keys()) socket.destroy();
    await Promise.all(closed);
  }

  /** Closes what this device has open; it may come back when it is let in. */
  cut(device: string): void {
    for (const [socket, of] of this.#sockets) if (of === device) socket.destroy();
  }

  #guard(aedes: Aedes): void {
    const { counters } = this.#deps;
    const identities = new WeakMap<Client, Identity>();
    // No session outlives its connection: the wire contract needs none, and those of clients that never return would
    // fill the memory.
    aedes.preConnect = (_client, packet, done) => {
      packet.clean = true;
      done(null, true);
    };
    aedes.authenticate = (client, username, password, done) => {
      const identity = this.#identify(client, username, password);
      if (!identity) counters.add('CLIENT_REFUSED');
      else {
        identities.set(client, identity);
        if (!identity.server) this.#sockets.set(client.conn as Socket, identity.device);
      }
      done(null, identity !== undefined);
    };
    // Acknowledgements are not signed, so only the server may send what goes down to devices.
    aedes.authorizePublish = (client, packet, done) => {
      const identity = client && identities.get(client);
      if (identity && (identity.server || mayPublish(identity.device, packet.topic))) return done(null);
      counters.add('TOPIC_REFUSED');
      done(new Error(`this client may not publish on ${packet.topic.slice(0, 256)}`));
    };
    aedes.authorizeSubscribe = (client, subscription, done) => {
      const identity = identities.get(client);
      if (identity && (identity.server || maySubscribe(identity.device, subscription.topic))) {
        return done(null, subscription);
      }
      counters.add('TOPIC_REFUSED');
      // Refused in the answer (MQTT 3.1.1, 3.9.3: 0x80), while the connection goes on.
      done(null, null);
    };
    aedes.on('clientError', () => counters.add('broker.client-error'));
    aedes.on('connectionError', () => counters.add('broker.connection-error'));
  }

  #identify(
    { id, conn }: Client,
    username: string | undefined,
    password: Buffer | undefined,
  ): Identity | undefined {
    const { tls } = this.#deps;
    const certificate = conn instanceof TLSSocket ? conn.getPeerCertificate() : undefined;
    // A name that stands twice in a certificate comes as a list, and is nobody's.
    const name = certificate && String(certificate.subject?.CN ?? '');
    if (certificate && !tls?.admits(name ?? '', certificate.serialNumber)) return undefined;
    return identify(
      {
        clientId: id,
        username,
        password: password?.toString(),
        certificateName: name ?? null,
        bareDevices: !tls,
      },
      this.credentials,
    );
  }

  #tlsServer({ key, cert, ca }: BrokerTls, aedes: Aedes): Server {
    const server = createTlsServer(
      {
        key,
        cert,
        ca,
        requestCert: true,
        rejectUnauthorized: true,
        minVersion: 'TLSv1.3',
        handshakeTimeout: HANDSHAKE_WITHIN_MS,
        noDelay: true,
      },
      (socket) => this.#accept(aedes, socket),
    );
    server.on('tlsClientError', () => this.#deps.counters.add('broker.tls-refused'));
    return server;
  }

  #accept(aedes: Aedes, socket: Socket): void {
    this.#sockets.set(socket, undefined);
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
