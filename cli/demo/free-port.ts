/** Ports on the loopback: the same ones every time where they are free, so that addresses can be kept. */
import { createServer } from 'node:net';

/** Each preferred port, or one that the system picks where another program has it. */
export async function freePorts(preferred: readonly number[]): Promise<number[]> {
  const ports: number[] = [];
  for (const port of preferred) {
    ports.push((await tryPort(port)) ?? (await tryPort(0)) ?? port);
  }
  return ports;
}

function tryPort(port: number): Promise<number | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.on('error', () => resolve(undefined));
    server.listen(port, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' ? address?.port : undefined));
    });
  });
}
