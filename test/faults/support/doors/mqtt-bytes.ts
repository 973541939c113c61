/** MQTT 3.1.1 packets byte by byte, for what no client and no broker would write. */

/** Lengths of one and two bytes are all that is needed here (MQTT 3.1.1, 2.2.3). */
function packet(first: number, ...parts: (Buffer | number)[]): Buffer {
  const rest = Buffer.concat(parts.map((part) => (typeof part === 'number' ? Buffer.of(part) : part)));
  const length =
    rest.length < 128 ? Buffer.of(rest.length) : Buffer.of((rest.length % 128) | 0x80, rest.length >> 7);
  return Buffer.concat([Buffer.of(first), length, rest]);
}

/** With its length in two bytes. */
function text(words: string | Buffer): Buffer {
  const bytes = Buffer.from(words as string);
  const length = Buffer.alloc(2);
  length.writeUInt16BE(bytes.length);
  return Buffer.concat([length, bytes]);
}

const KEEPALIVE_S = 60;

export const mqttBytes = {
  connect: (clientId: string) => packet(0x10, text('MQTT'), 4, 0x02, 0, KEEPALIVE_S, text(clientId)),
  accepted: () => packet(0x20, 0, 0),
  publish: (topic: string, payload: Buffer) => packet(0x30, text(topic), payload),
  /** QoS 2, which nobody here speaks. */
  publishTwice: (topic: string, payload: Buffer) => packet(0x34, text(topic), 0, 7, payload),
  taken: (id: number) => packet(0x40, 0, id),
  subscribe: (filter: string) => packet(0x82, 0, 1, text(filter), 1),
  subscribed: (id: number) => packet(0x90, 0, id, 1),
  ping: () => packet(0xc0),
  goodbye: () => packet(0xe0),
} as const;
