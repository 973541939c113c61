/** Which topics a device may use, by its identity: the same rules stand in deploy/mosquitto.acl. Pure. */
import { STREAMS } from '../../protocol/records.ts';
import { parseUpTopic, topics } from '../../protocol/topics.ts';

/** Content by hash, the same for every device and worth nothing without a signed desired state that names it. */
const CHUNK_FILTER = /^andon\/v1\/chunks\/(?:[0-9a-f]{64}|\+|#)$/;

/** Only what goes up, and only as itself. */
export function mayPublish(device: string, topic: string): boolean {
  return parseUpTopic(topic)?.device === device;
}

/** Only what comes down to itself, and chunks; no wildcard that reaches another device. */
export function maySubscribe(device: string, filter: string): boolean {
  return ownFilters(device).includes(filter) || CHUNK_FILTER.test(filter);
}

function ownFilters(device: string): string[] {
  const acks = STREAMS.map((stream) => topics.ack(device, stream));
  return [topics.desired(device), `andon/v1/${device}/ack/+`, ...acks];
}
