/** The topics of the wire contract, all under `andon/v1/`. Ids come from `deviceIdSchema`, so they need no escaping. */
import { z } from 'zod';
import { STREAMS, type Stream } from './records.ts';

const ROOT = 'andon/v1';

export const deviceIdSchema = z
  .string()
  .regex(/^[a-z0-9][a-z0-9-]{0,62}$/, 'lower-case letters, digits and dashes, at most 63 characters')
  .refine((id) => id !== 'chunks', '"chunks" is reserved');

export const topics = {
  birth: (device: string) => `${ROOT}/${device}/birth`,
  gone: (device: string) => `${ROOT}/${device}/gone`,
  up: (device: string, stream: Stream) => `${ROOT}/${device}/up/${stream}`,
  ack: (device: string, stream: Stream) => `${ROOT}/${device}/ack/${stream}`,
  desired: (device: string) => `${ROOT}/${device}/desired`,
  reported: (device: string) => `${ROOT}/${device}/reported`,
  chunk: (sha256: string) => `${ROOT}/chunks/${sha256}`,
  want: (device: string) => `${ROOT}/${device}/want`,
} as const;

/** The MQTT client id of a device: a broker lets each be used by one connection at a time. */
export function clientIdOf(device: string): string {
  return `andon-${device}`;
}

/** @returns undefined for a client id that is none of a device */
export function deviceOfClientId(clientId: string): string | undefined {
  const id = deviceIdSchema.safeParse(/^andon-(.*)$/.exec(clientId)?.[1]);
  return id.success ? id.data : undefined;
}

/** What a server subscribes to. */
export const serverSubscriptions = [
  `${ROOT}/+/birth`,
  `${ROOT}/+/gone`,
  `${ROOT}/+/up/+`,
  `${ROOT}/+/reported`,
  `${ROOT}/+/want`,
] as const;

export type UpTopic =
  | { kind: 'birth' | 'gone' | 'reported' | 'want'; device: string }
  | { kind: 'up'; device: string; stream: Stream };

/** Reads a topic that the server received; undefined when it is none of ours. */
export function parseUpTopic(topic: string): UpTopic | undefined {
  const parts = topic.split('/');
  if (parts.length < 4 || parts.length > 5 || `${parts[0]}/${parts[1]}` !== ROOT) return undefined;
  const device = deviceIdSchema.safeParse(parts[2]);
  if (!device.success) return undefined;
  const kind = parts[3];
  if (parts.length === 5) {
    const stream = STREAMS.find((s) => s === parts[4]);
    return kind === 'up' && stream ? { kind, device: device.data, stream } : undefined;
  }
  if (kind === 'birth' || kind === 'gone' || kind === 'reported' || kind === 'want') {
    return { kind, device: device.data };
  }
  return undefined;
}
