import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { STREAMS } from '../../../protocol/records.ts';
import { clientIdOf, deviceOfClientId, topics } from '../../../protocol/topics.ts';
import { identify } from '../../../sync-server/broker/client-identity.ts';
import { mayPublish, maySubscribe } from '../../../sync-server/broker/device-access.ts';

const CHUNK = topics.chunk('a'.repeat(64));

function ups(device: string): string[] {
  const { birth, gone, reported, want, up } = topics;
  return [birth, gone, reported, want].map((of) => of(device)).concat(STREAMS.map((s) => up(device, s)));
}

function downs(device: string): string[] {
  return [topics.desired(device), `andon/v1/${device}/ack/+`, ...STREAMS.map((s) => topics.ack(device, s))];
}

/** Whether an MQTT filter covers a topic (MQTT 3.1.1, 4.7). */
function covers(filter: string, topic: string): boolean {
  const [wanted, given] = [filter.split('/'), topic.split('/')];
  for (const [i, level] of wanted.entries()) {
    if (level === '#') return true;
    if (level !== '+' && level !== given[i]) return false;
  }
  return wanted.length === given.length;
}

describe('what a device may use', () => {
  it('is what goes up as itself, what comes down to itself, and chunks', () => {
    for (const topic of ups('a')) expect(mayPublish('a', topic), topic).toBe(true);
    for (const filter of [...downs('a'), CHUNK, 'andon/v1/chunks/+', 'andon/v1/chunks/#']) {
      expect(maySubscribe('a', filter), filter).toBe(true);
    }
  });

  it('is nothing else, for writing', () => {
    const others = [...ups('b'), ...downs('a'), ...downs('b'), CHUNK, 'andon/v1/a/up/x', 'other', '$SYS/x'];
    expect(others.filter((topic) => mayPublish('a', topic))).toEqual([]);
  });

  it('covers no topic of another device, whatever filter is tried', () => {
    const level = fc.constantFrom(
      'andon',
      'v1',
      'a',
      'b',
      '+',
      '#',
      'ack',
      'up',
      'desired',
      'chunks',
      'birth',
    );
    const filters = fc.array(level, { minLength: 1, maxLength: 6 }).map((levels) => levels.join('/'));
    fc.assert(
      fc.property(filters, (filter) => {
        if (!maySubscribe('a', filter)) return;
        expect(
          [...ups('b'), ...downs('b').filter((topic) => !topic.includes('+'))].filter((t) =>
            covers(filter, t),
          ),
        ).toEqual([]);
      }),
      {
        numRuns: 2000,
        examples: [['andon/v1/+/desired'], ['andon/v1/#'], ['#'], ['andon/v1/a/../b/desired']],
      },
    );
  });
});

describe('a client id', () => {
  it('leads back to its device', () => {
    expect(deviceOfClientId(clientIdOf('mill-1'))).toBe('mill-1');
    for (const id of ['mill-1', 'andon-', 'andon-A', 'andon-chunks', 'andon-a/b', 'andon-a\n']) {
      expect(deviceOfClientId(id), id).toBeUndefined();
    }
  });
});

describe('who a client is', () => {
  const server = { username: 'andon-server', password: 'secret' };
  const claim = {
    clientId: 'andon-a',
    username: undefined,
    password: undefined,
    certificateName: null,
    bareDevices: true,
  };

  it.each([
    ['a device on an open listener', {}, { server: false, device: 'a' }],
    ['a device where only the server may come without a certificate', { bareDevices: false }, undefined],
    [
      'a device with its certificate',
      { bareDevices: false, certificateName: 'a' },
      { server: false, device: 'a' },
    ],
    ['a device with the certificate of another', { certificateName: 'b' }, undefined],
    ['a certificate without a name', { certificateName: '' }, undefined],
    ['the server', { clientId: 'x', ...server }, { server: true }],
    ['a wrong password', { ...server, password: 'guess' }, undefined],
    ['no password', { username: server.username }, undefined],
    ['a stranger', { clientId: 'x' }, undefined],
  ])('%s', (_name, over, identity) => {
    expect(identify({ ...claim, ...over }, server)).toEqual(identity);
  });
});
