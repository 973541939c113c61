/** A device and a stand-in for the server, with a broker between them and a line to it that a test can cut. */
import type { StartBroker, TestBroker } from '../../support/brokers.ts';
import { TcpProxy } from '../../support/tcp-proxy.ts';
import { TestDevice } from './device.ts';
import { FakeServer } from './fake-server.ts';

export interface SyncRig {
  readonly broker: TestBroker;
  /** The device's line alone. */
  readonly proxy: TcpProxy;
  readonly server: FakeServer;
  /** Not started. */
  readonly device: TestDevice;
  stop(): Promise<void>;
}

export async function startSyncRig(startBroker: StartBroker): Promise<SyncRig> {
  const broker = await startBroker();
  const proxy = await new TcpProxy(broker.port).start();
  const server = await new FakeServer().start(broker.url);
  const device = new TestDevice({ broker: proxy.url, team: server.team });
  const stop = async () => {
    await device.stop();
    await server.stop();
    await proxy.stop();
    await broker.stop();
  };
  return { broker, proxy, server, device, stop };
}
