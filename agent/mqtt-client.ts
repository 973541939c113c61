/** The one way to mqtt.js. It is loaded when something first connects: no first prediction waits for it. */
import type { connect, MqttClient } from 'mqtt';

export type MqttConnect = typeof connect;
export type { MqttClient };

export async function loadMqtt(): Promise<MqttConnect> {
  return (await import('mqtt')).connect;
}
