/** An HTTP request written byte by byte, for what no honest client would send. */
import { connect } from 'node:net';

export interface RawRequest {
  readonly method: string;
  /** As it shall stand in the first line. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Buffer;
}

export interface RawAnswer {
  /** 0: the connection ended without an answer. */
  readonly status: number;
  readonly text: string;
}

const WITHIN_MS = 60_000;
const END_OF_HEAD = '\r\n\r\n';

/** @param url of the server; `headers` may name another `host` */
export function sendRaw(url: string, { method, path, headers, body }: RawRequest): Promise<RawAnswer> {
  const { hostname, port, host } = new URL(url);
  const all = {
    host,
    connection: 'close',
    ...(body && { 'content-length': String(body.length) }),
    ...headers,
  };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}`);
  const head = [`${method} ${path} HTTP/1.1`, ...lines].join('\r\n') + END_OF_HEAD;
  return new Promise((resolve, reject) => {
    const socket = connect(Number(port), hostname);
    let text = '';
    const done = () => {
      socket.destroy();
      resolve({ status: Number(/^HTTP\/1\.1 (\d{3})/.exec(text)?.[1] ?? 0), text });
    };
    socket.setTimeout(WITHIN_MS, () => {
      socket.destroy();
      reject(new Error(`${method} ${path.slice(0, 200)} was not answered in ${WITHIN_MS} ms`));
    });
    socket.on('data', (bytes) => {
      text += bytes.toString('latin1');
      // A live stream never ends.
      if (text.includes('text/event-stream') && text.includes(END_OF_HEAD)) done();
    });
    // It may refuse and close before it has read all: what it said before counts.
    socket.on('error', done);
    socket.on('close', done);
    socket.write(Buffer.concat([Buffer.from(head, 'latin1'), body ?? Buffer.alloc(0)]));
  });
}
