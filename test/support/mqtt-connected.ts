/** A client of MQTT that is connected, or the reason why it may not be. */
import { connect, type IClientOptions, type MqttClient } from 'mqtt';
import { onTestFinished } from 'vitest';

/** Tries once; ended with the test. @throws what the broker or TLS said, or that the line was just closed */
export async function connected(url: string, options: IClientOptions): Promise<MqttClient> {
  const client = connect(url, { protocolVersion: 4, reconnectPeriod: 0, ...options });
  onTestFinished(() => client.endAsync(true));
  await new Promise<void>((resolve, reject) => {
    client.once('connect', () => resolve());
    client.on('error', reject);
    // In TLS 1.3 a client hears of a refused certificate late, or just finds the line closed.
    client.once('close', () => reject(new Error('closed')));
  });
  return client;
}
