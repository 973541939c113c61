/** A bad line between a device and its broker: it can break, refuse, fall silent and be slow. */
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { Transform } from 'node:stream';

const CUT_AFTER_MS = 20;

export class TcpProxy {
  readonly #targetPort: number;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #refusing = false;
  #silent = false;
  #delayMs = 0;
  #bytesPerS = Number.POSITIVE_INFINITY;
  /** Values of `bytesDown` at which to cut, ascending. */
  #cuts: number[] = [];

  /** Connections over its life, refused ones included. */
  connections = 0;
  /** Bytes towards the device over its life, and from it. */
  bytesDown = 0;
  bytesUp = 0;

  constructor(targetPort: number) {
    this.#targetPort = targetPort;
    this.#server = createServer({ noDelay: true }, (socket) => this.#accept(socket));
  }

  get url(): string {
    return `mqtt://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** @param port 0 takes a free one */
  async start(port = 0): Promise<this> {
    await new Promise<void>((resolve) => this.#server.listen(port, '127.0.0.1', resolve));
    return this;
  }

  async stop(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.cut();
    await closed;
  }

  /** Breaks every connection there is; new ones are welcome. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  /** While on, new connections end at once. */
  refuse(on: boolean): void {
    this.#refusing = on;
  }

  /** While on, bytes in both directions are lost and nobody is told (a pulled cable). */
  silence(on: boolean): void {
    this.#silent = on;
  }

  /** Everything arrives this much later, in both directions. Set it before the connection it is for. */
  delay(ms: number): void {
    this.#delayMs = ms;
  }

  /** Lets no more than this through, in each direction of each connection. */
  throttle(bytesPerS: number): void {
    this.#bytesPerS = bytesPerS;
  }

  /** Breaks all connections each time that this many more bytes went towards the device. */
  cutAfter(bytesDown: number, times = 1): void {
    this.#cuts = Array.from({ length: times }, (_, i) => this.bytesDown + (i + 1) * bytesDown);
  }

  #accept(device: Socket): void {
    this.connections += 1;
    device.on('error', () => undefined);
    if (this.#refusing) {
      device.destroy();
      return;
    }
    const broker = connect({ port: this.#targetPort, host: '127.0.0.1', noDelay: true });
    broker.on('error', () => undefined);
    for (const [socket, other] of [
      [device, broker],
      [broker, device],
    ] as const) {
      this.#sockets.add(socket);
      socket.once('close', () => {
        this.#sockets.delete(socket);
        other.destroy();
      });
    }
    const countUp = (bytes: number) => {
      this.bytesUp += bytes;
      return bytes;
    };
    device.pipe(this.#line(countUp)).pipe(broker);
    let isCut = false;
    const countDown = (bytes: number) => {
      if (isCut) return 0;
      const passes = this.#countDown(bytes);
      if (passes < bytes) {
        isCut = true;
        // What passed must arrive before the line breaks.
        setTimeout(() => this.cut(), CUT_AFTER_MS);
      }
      return passes;
    };
    broker.pipe(this.#line(countDown)).pipe(device);
  }

  /** @param count returns how many of the bytes pass */
  #line(count: (bytes: number) => number): Transform {
    const line = new Transform({
      transform: (whole: Buffer, _encoding, done) => {
        const chunk = whole.subarray(0, count(whole.length));
        const arrive = () => {
          if (!this.#silent && !line.destroyed) line.push(chunk);
        };
        if (this.#delayMs > 0) setTimeout(arrive, this.#delayMs);
        else arrive();
        if (this.#bytesPerS === Number.POSITIVE_INFINITY) done();
        else setTimeout(done, (1000 * chunk.length) / this.#bytesPerS);
      },
      // The end comes after what is still on its way.
      flush: (done) => void setTimeout(done, this.#delayMs),
    });
    return line;
  }

  /** @returns how many of the bytes pass before the line breaks */
  #countDown(bytes: number): number {
    const [at = Number.POSITIVE_INFINITY] = this.#cuts;
    const passes = Math.min(bytes, Math.max(0, at - this.bytesDown));
    this.bytesDown += passes;
    if (passes < bytes) this.#cuts = this.#cuts.slice(1);
    return passes;
  }
}
