/**
 * A device as one writes it first: each record a QoS 1 message of its own, so many on the way, acknowledged by the same server.
 * Arguments: data folder, broker, device id, how many records.
 */
import { setImmediate } from 'node:timers/promises';
import { pino } from 'pino';
import { systemClock } from '../../agent/clock.ts';
import { deviceConfigSchema } from '../../agent/config/schema.ts';
import { openStore } from '../../agent/store/open-store.ts';
import { MqttLink } from '../../agent/sync/mqtt-link.ts';
import { Counters } from '../../daemon/counters.ts';
import { encodeBatch } from '../../protocol/batch.ts';
import { ackSchema, parseMessage } from '../../protocol/messages.ts';
import { topics } from '../../protocol/topics.ts';

/** More, and Mosquitto begins to drop (`max_queued_messages`). */
const ON_THE_WAY = 500;
const READ = 4096;

const [folder = '', broker = '', device = '', count = '0'] = process.argv.slice(2);
const log = pino();
const counters = new Counters();
const config = deviceConfigSchema.parse({ device: { id: device }, sources: {}, slots: {}, sync: { broker } });
if (config.sync === null) throw new Error('the bench syncs');
const store = openStore({
  folder,
  ...config.store,
  clock: systemClock,
  log: pino({ level: 'silent' }),
  counters,
});
let acked = 0;
const link = new MqttLink({
  config: config.sync,
  device,
  birth: () => ({
    v: 1,
    device,
    timeMs: 0,
    agentVersion: 'bench',
    storeEpoch: store.epoch,
    labels: {},
    slots: [],
  }),
  clock: systemClock,
  log,
  counters,
});
link.subscribe(topics.ack(device, 'predictions'), (payload) => {
  acked = Math.max(acked, parseMessage(ackSchema, payload, 'acknowledgement').seq);
});
link.onChange((connected) => connected && void send());
await link.start();

async function send(): Promise<void> {
  const topic = topics.up(device, 'predictions');
  for (let sent = 0; sent < Number(count); ) {
    const { records } = store.streams.read('predictions', sent, READ);
    for (const record of records) {
      while (record.seq - acked > ON_THE_WAY) await setImmediate();
      void link.publish(topic, encodeBatch('predictions', store.epoch, [record]));
      sent = record.seq;
    }
  }
}
