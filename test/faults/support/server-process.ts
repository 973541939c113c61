/** A real server that outlives its process: the same folder and ports, a new process after each kill. */
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import type { FleetView } from '../../../sync-server/views/fleet.ts';
import { freePort } from '../../support/brokers.ts';
import { type RunningProcess, startProcess, waitFor } from '../../support/processes.ts';
import { fetchJson, writeJson } from './scene.ts';

export class ServerProcess {
  readonly database: string;
  readonly url: string;
  readonly brokerUrl: string;
  readonly #config: string;
  #process: RunningProcess | undefined;

  private constructor(folder: string, httpPort: number, broker: object, brokerUrl: string) {
    const dataDir = join(folder, 'server');
    this.url = `http://127.0.0.1:${httpPort}`;
    this.brokerUrl = brokerUrl;
    this.database = join(dataDir, 'server.db');
    this.#config = writeJson(join(folder, 'server.json'), {
      dataDir,
      broker,
      http: { port: httpPort },
    });
  }

  /** @param externalBroker its address; without one the broker is inside the server */
  static async start(folder: string, externalBroker?: string): Promise<ServerProcess> {
    const port = await freePort();
    const server = externalBroker
      ? new ServerProcess(folder, await freePort(), { kind: 'external', url: externalBroker }, externalBroker)
      : new ServerProcess(folder, await freePort(), { kind: 'embedded', port }, `mqtt://127.0.0.1:${port}`);
    onTestFinished(async () => void (await server.end()));
    await server.start();
    return server;
  }

  /** Does not wait until it listens. */
  spawn(): RunningProcess {
    this.#process = startProcess('sync-server/start.ts', ['--config', this.#config]);
    return this.#process;
  }

  async start(): Promise<void> {
    this.spawn();
    await this.up();
  }

  /** Waits until the process that was spawned last listens. */
  async up(): Promise<void> {
    await this.#process?.logged('listening');
  }

  async kill(): Promise<void> {
    await this.#process?.end('SIGKILL');
  }

  async end(): Promise<number | null> {
    return this.#process ? this.#process.end() : 0;
  }

  fleet(): Promise<FleetView> {
    return fetchJson<FleetView>(`${this.url}/api/fleet`);
  }

  /** Predictions of a device's newest store that are committed here; 0 while the server is down. */
  async received(device: string): Promise<number> {
    const fleet = await this.fleet().catch(() => undefined);
    return fleet?.devices.find(({ id }) => id === device)?.received.predictions ?? 0;
  }

  async receivedAll(device: string, predictions: number, withinMs = 60_000): Promise<void> {
    let received = 0;
    await waitFor(
      async () => {
        received = await this.received(device);
        return received >= predictions;
      },
      withinMs,
      () => `${predictions} predictions of ${device} at the server; ${received} are there`,
    );
  }
}
