/** Topics that fit every broker, and are read back strictly. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { STREAMS } from '../../protocol/records.ts';
import { deviceIdSchema, parseUpTopic, serverSubscriptions, topics } from '../../protocol/topics.ts';

const longest = 'd'.repeat(63);
const chars = [...'abcdefghijklmnopqrstuvwxyz0123456789-'];
const deviceId = fc
  .array(fc.constantFrom(...chars), { minLength: 1, maxLength: 63 })
  .map((letters) => letters.join(''))
  .filter((id) => deviceIdSchema.safeParse(id).success);

function all(device: string): string[] {
  const { birth, gone, up, ack, desired, reported, chunk, want } = topics;
  const ofDevice = [birth, gone, desired, reported, want].map((topic) => topic(device));
  return [
    ...ofDevice,
    ...STREAMS.flatMap((stream) => [up(device, stream), ack(device, stream)]),
    chunk('f'.repeat(64)),
  ];
}

describe('a topic', () => {
  it('stays within what managed brokers allow, for the longest ids', () => {
    for (const topic of [...all(longest), ...serverSubscriptions]) {
      expect(Buffer.byteLength(topic)).toBeLessThanOrEqual(256);
      expect(topic.split('/').length - 1).toBeLessThanOrEqual(7);
    }
  });

  it('tells who sent what, for every device', () => {
    fc.assert(
      fc.property(deviceId, (device) => {
        for (const kind of ['birth', 'gone', 'reported', 'want'] as const) {
          expect(parseUpTopic(topics[kind](device))).toEqual({ kind, device });
        }
        for (const stream of STREAMS) {
          expect(parseUpTopic(topics.up(device, stream))).toEqual({ kind: 'up', device, stream });
        }
      }),
    );
  });

  it('of the downward direction is none that a server listens to', () => {
    const { ack, desired, chunk } = topics;
    for (const topic of [ack('d', 'events'), desired('d'), chunk('f'.repeat(64))]) {
      expect(parseUpTopic(topic)).toBeUndefined();
    }
  });

  it.each([
    '',
    'andon/v1',
    'andon/v2/d/birth',
    'andon/v1/D/birth',
    'andon/v1/../birth',
    'andon/v1/+/birth',
    'andon/v1/d/birth/',
    'andon/v1/d/up',
    'andon/v1/d/up/secrets',
    'andon/v1/d/down/events',
    'andon/v1/chunks/birth',
    `andon/v1/${'d'.repeat(64)}/birth`,
    'andon/v1/d/up/events/x',
  ])('"%s" is none of ours', (topic) => {
    expect(parseUpTopic(topic)).toBeUndefined();
  });

  it('never throws, whatever a broker delivers', () => {
    fc.assert(fc.property(fc.string(), (topic) => void parseUpTopic(`andon/v1/${topic}`)));
  });
});
