import { connect, type MqttClient } from 'mqtt';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { AlarmOutputs } from '../../../agent/alarm-output/alarm-outputs.ts';
import type { Store } from '../../../agent/store/store.ts';
import { describeWithEachBroker, type TestBroker } from '../../support/brokers.ts';
import { TcpProxy } from '../../support/tcp-proxy.ts';
import { waitFor } from '../../support/wait-for.ts';
import { openTempStore } from '../store/temp-store.ts';
import { change, outputsTo, raisedNow } from './alarms.ts';

const TOWER = 'cell-4/andon/state';
const SAMPLES = 'cell-4/andon/no-samples/milling';

describeWithEachBroker('alarms on a broker of the line', (startBroker) => {
  let broker: TestBroker;
  let proxy: TcpProxy;
  let store: Store;
  const running = new Set<AlarmOutputs>();
  const towers = new Set<MqttClient>();

  beforeEach(async () => {
    broker = await startBroker();
    proxy = await new TcpProxy(broker.port).start();
    store = openTempStore().store;
    raisedNow.length = 0;
  });
  afterEach(async () => {
    for (const outputs of running) await outputs.stop();
    running.clear();
    for (const tower of towers) tower.end(true);
    towers.clear();
    await proxy.stop();
    await broker.stop();
  });

  function start() {
    const made = outputsTo({ kind: 'mqtt', broker: proxy.url, topic: 'cell-4/andon', keepaliveS: 5 }, store);
    running.add(made.outputs);
    made.outputs.start();
    return made;
  }

  /** A signal tower: whoever comes now learns what was retained. @returns the newest message of each topic */
  function tower(): Map<string, Record<string, unknown>> {
    const seen = new Map<string, Record<string, unknown>>();
    const client = connect(broker.url, { reconnectPeriod: 50 });
    towers.add(client);
    client.on('connect', () => client.subscribe('cell-4/#', { qos: 1 }));
    client.on('message', (topic, payload) => {
      seen.set(topic, JSON.parse(payload.toString()) as Record<string, unknown>);
    });
    return seen;
  }

  function raise(n: number, outputs: AlarmOutputs): void {
    raisedNow.push(change(n));
    outputs.take(change(n));
  }
  function clear(n: number, outputs: AlarmOutputs): void {
    raisedNow.length = 0;
    outputs.take(change(n, 'cleared'));
  }

  it('are there for a tower that comes later, raised and cleared', async () => {
    const { outputs, counters } = start();
    raise(1, outputs);
    await waitFor('delivered', () => counters.get('alarms.delivered') === 1);
    const late = tower();
    await waitFor('retained', () => late.size === 2);
    expect(late.get(TOWER)).toEqual({ v: 1, device: 'mill-1', state: 'alarm', raised: 1 });
    expect(late.get(SAMPLES)).toMatchObject({ id: 'raised-1', alarm: 'alarm-1', state: 'raised' });
    clear(1, outputs);
    await waitFor('cleared', () => late.get(TOWER)?.state === 'ok');
    expect(late.get(SAMPLES)).toMatchObject({ id: 'cleared-1', alarm: 'alarm-1', state: 'cleared' });
  });

  it('turn to unknown when the connection breaks, and say the truth when it is back', async () => {
    const { outputs, counters } = start();
    const seen = tower();
    await waitFor('calm', () => seen.get(TOWER)?.state === 'ok');
    proxy.refuse(true);
    proxy.cut();
    await waitFor('the will speaks', () => seen.get(TOWER)?.state === 'unknown');
    raise(1, outputs);
    await waitFor('counted', () => counters.get('ALARM_UNDELIVERED') >= 1);
    proxy.refuse(false);
    await waitFor('told', () => seen.get(TOWER)?.state === 'alarm', 20_000);
    expect(seen.get(SAMPLES)).toMatchObject({ id: 'raised-1', state: 'raised' });
  });

  it('are told again to a broker that forgot everything', async () => {
    const { outputs, counters } = start();
    raise(1, outputs);
    await waitFor('delivered', () => counters.get('alarms.delivered') === 1);
    await broker.restart();
    const seen = tower();
    await waitFor('told again', () => seen.get(SAMPLES)?.id === 'raised-1', 20_000);
    await waitFor('and the tower', () => seen.get(TOWER)?.state === 'alarm', 20_000);
  });

  it('turn to unknown when the agent stops', async () => {
    const { outputs } = start();
    const seen = tower();
    await waitFor('calm', () => seen.get(TOWER)?.state === 'ok');
    await outputs.stop();
    await waitFor('unknown', () => seen.get(TOWER)?.state === 'unknown');
  });

  it('wait over a restart of the agent', async () => {
    proxy.refuse(true);
    const before = start();
    raise(1, before.outputs);
    clear(1, before.outputs);
    await waitFor('attempted', () => before.counters.get('ALARM_UNDELIVERED') >= 1);
    await before.outputs.stop();
    proxy.refuse(false);
    const seen = tower();
    const { counters } = start();
    await waitFor('delivered', () => counters.get('alarms.delivered') === 2);
    await waitFor('seen', () => seen.get(SAMPLES)?.id === 'cleared-1');
  });
});
