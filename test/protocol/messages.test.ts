/** JSON messages: whatever comes is read, or refused under a code and in few words. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CodedError, codeOf } from '../../protocol/errors.ts';
import { LIMITS } from '../../protocol/limits.ts';
import { desiredSchema, parseMessage, wantSchema } from '../../protocol/messages.ts';

function codeFrom(text: string): string {
  try {
    parseMessage(wantSchema, Buffer.from(text), 'message');
  } catch (error) {
    expect(error).toBeInstanceOf(CodedError);
    expect((error as Error).message.length).toBeLessThan(1000);
    return codeOf(error);
  }
  return 'accepted';
}

const deep = `${'['.repeat(50_000)}${']'.repeat(50_000)}`;

describe('a message', () => {
  it('is read without the fields of a later version', () => {
    const want = { v: 1 as const, device: 'press-1', chunks: ['a'.repeat(64)] };
    expect(parseMessage(wantSchema, Buffer.from(JSON.stringify({ ...want, later: deep })), 'want')).toEqual(
      want,
    );
  });

  it.each([
    ['of a newer version', '{"v":2}', 'PAYLOAD_VERSION_UNKNOWN'],
    ['without a version', '{}', 'PAYLOAD_VERSION_UNKNOWN'],
    ['that is null', 'null', 'PAYLOAD_VERSION_UNKNOWN'],
    ['whose version has no words', '{"v":{"toString":1,"valueOf":1}}', 'PAYLOAD_VERSION_UNKNOWN'],
    ['whose version is nested without end', `{"v":${deep}}`, 'PAYLOAD_VERSION_UNKNOWN'],
    ['whose version is a long text', `{"v":"${'1'.repeat(100_000)}"}`, 'PAYLOAD_VERSION_UNKNOWN'],
    ['nested without end', `{"v":1,"device":${deep}}`, 'PAYLOAD_MALFORMED'],
    ['that was cut off', '{"v":1', 'PAYLOAD_MALFORMED'],
    ['larger than a message', ' '.repeat(LIMITS.messageBytes + 1), 'PAYLOAD_TOO_LARGE'],
  ])('%s is refused', (_, text, code) => {
    expect(codeFrom(text)).toBe(code);
  });

  it('is refused in few words, however long its names are', () => {
    const slots = { ['s'.repeat(60)]: { champion: { ['x'.repeat(50_000)]: 1 } }, ['y'.repeat(60_000)]: 1 };
    const desired = { v: 1, device: 'press-1', generation: 1, issuedAtMs: 1, slots };
    let message = '';
    try {
      parseMessage(desiredSchema, Buffer.from(JSON.stringify(desired)), 'desired state');
    } catch (error) {
      message = (error as Error).message;
    }
    expect(message).toMatch(/^desired state: slots\./);
    expect(message.length).toBeLessThan(1000);
  });

  it('never throws anything but a coded error', () => {
    fc.assert(
      fc.property(fc.json(), fc.jsonValue(), (json, version) => {
        expect(codeFrom(json)).toMatch(/^PAYLOAD_/);
        expect(codeFrom(JSON.stringify({ v: version, chunks: version }))).toMatch(/^PAYLOAD_/);
      }),
    );
  });
});
