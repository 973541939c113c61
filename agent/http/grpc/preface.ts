/** One port for HTTP/1.1 and gRPC: a connection that begins with the preface of HTTP/2 goes another way than the rest. */
import type { Server } from 'node:http';
import type { Socket } from 'node:net';

/** RFC 9113, 3.4: no request of HTTP/1.1 begins so. */
const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
/** Who connects and says nothing for so long is nobody. */
const SILENT_MS = 10_000;

/**
 * @param onHttp2 gets the socket as if nothing had been read of it
 * @returns ends the connections that have not said yet what they are
 */
export function splitByPreface(server: Server, onHttp2: (socket: Socket) => void): () => void {
  const forHttp1 = server.listeners('connection') as ((socket: Socket) => void)[];
  const undecided = new Set<Socket>();
  server.removeAllListeners('connection');
  server.on('connection', (socket: Socket) => {
    undecided.add(socket);
    socket.once('close', () => undecided.delete(socket));
    seePreface(socket, (isHttp2) => {
      undecided.delete(socket);
      if (isHttp2) onHttp2(socket);
      else for (const listener of forHttp1) listener.call(server, socket);
    });
  });
  return () => {
    for (const socket of undecided) socket.destroy();
  };
}

function seePreface(socket: Socket, decided: (isHttp2: boolean) => void): void {
  const ignore = () => undefined;
  const giveUp = () => socket.destroy();
  socket.on('error', ignore);
  socket.setTimeout(SILENT_MS, giveUp);
  let seen = Buffer.alloc(0);
  const onReadable = () => {
    const chunk: Buffer | null = socket.read();
    if (chunk === null) return;
    seen = Buffer.concat([seen, chunk]);
    const isHttp2 = PREFACE.subarray(0, seen.length).equals(seen.subarray(0, PREFACE.length));
    if (isHttp2 && seen.length < PREFACE.length) return;
    socket.off('readable', onReadable);
    socket.off('error', ignore);
    socket.setTimeout(0);
    socket.off('timeout', giveUp);
    socket.unshift(seen);
    decided(isHttp2);
  };
  socket.on('readable', onReadable);
}
