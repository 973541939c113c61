/** What can come between a device and its next model: brokers that lie, lines that break, chunks that rot on the disk. */
import { mkdirSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { deflateRawSync } from 'node:zlib';
import { encodeChunk } from '../../../../protocol/chunk-codec.ts';
import { generateSigningKey, sealEnvelope } from '../../../../protocol/keys.ts';
import type { Desired } from '../../../../protocol/messages.ts';
import { STREAMS } from '../../../../protocol/records.ts';
import { topics } from '../../../../protocol/topics.ts';
import { chunked } from '../../../support/chunks.ts';
import { waitFor } from '../../../support/processes.ts';
import { times } from '../../support/form.ts';
import type { Files, UpdateScene } from './update-scene.ts';

const BOMB_BYTES = 64 * 2 ** 20;
const TOO_LARGE_BYTES = 200 * 1024;
const HUGE_BYTES = 4 * 2 ** 30;
const FLOOD = times(300, 5000);
const CUTS = times(5, 10);
const WITHIN_MS = 30_000;

export interface Disturbance {
  readonly name: string;
  /** Has the model wanted, disturbs until the device has met it, and ends that. */
  readonly play: (scene: UpdateScene, files: Files) => Promise<unknown>;
  /** Counted on the way. */
  readonly codes: readonly string[];
}

/** Every chunk of the model is retained in this form; the right ones come when the device has noticed. */
function wrongChunks(name: string, code: string, payload: Buffer): Disturbance {
  return {
    name,
    codes: [code],
    play: async (scene, files) => {
      const { server, device } = scene;
      for (const sha256 of hashesOf(files)) await server.publish(topics.chunk(sha256), payload, true);
      await scene.order(files);
      await device.countedSome(code);
      await server.publishChunks(chunked(files));
    },
  };
}

/** Something else on the topic of the desired state, before and after the right one. */
function wrongOrder(
  name: string,
  code: string,
  payload: (scene: UpdateScene) => Buffer | string,
): Disturbance {
  return {
    name,
    codes: [code],
    play: async (scene, files) => {
      const topic = topics.desired(scene.device.id);
      await scene.server.publish(topic, payload(scene), true);
      await scene.device.countedSome(code);
      await scene.want(files);
      await scene.server.publish(topic, payload(scene), true);
    },
  };
}

export const HOSTILE_BROKER: readonly Disturbance[] = [
  wrongChunks('chunks with other bytes', 'PACKAGE_HASH_MISMATCH', encodeChunk(Buffer.from('evil'))),
  wrongChunks(
    'chunks that inflate for ever',
    'PAYLOAD_EXPANDS_TOO_FAR',
    Buffer.concat([Buffer.of(1), deflateRawSync(Buffer.alloc(BOMB_BYTES))]),
  ),
  wrongChunks('chunks that are too large', 'PAYLOAD_TOO_LARGE', Buffer.alloc(TOO_LARGE_BYTES)),
  wrongChunks('chunks of no known kind', 'PAYLOAD_MALFORMED', Buffer.of(9, 9, 9)),
  {
    name: 'a broker that forgets its retained chunks',
    codes: [],
    play: async (scene, files) => {
      const { server } = scene;
      const asked = server.wants.length;
      server.onWant = () => void server.publishChunks(chunked(files)).catch(() => undefined);
      for (const sha256 of hashesOf(files)) await server.publish(topics.chunk(sha256), '', true);
      await scene.order(files);
      await waitFor(() => server.wants.length > asked, WITHIN_MS, 'the device to ask');
      await waitFor(() => scene.reportsNow(files) !== 'fetching', WITHIN_MS, 'the chunks');
      server.onWant = () => undefined;
    },
  },
  wrongOrder('a desired state that is garbage', 'PAYLOAD_MALFORMED', () => '{"v":1,'),
  wrongOrder('an old desired state, replayed', 'DESIRED_REFUSED', ({ server, device }) =>
    sealEnvelope(server.key, emptyOrder(device.id, 1), server.trust),
  ),
  wrongOrder('a desired state for another device', 'DESIRED_REFUSED', ({ server }) =>
    sealEnvelope(server.key, emptyOrder('another', 1_000_000), server.trust),
  ),
  wrongOrder('a desired state by a stranger', 'SIGNATURE_UNTRUSTED', ({ device }) =>
    sealEnvelope(generateSigningKey(), emptyOrder(device.id, 1_000_000)),
  ),
  {
    name: 'a flood on every topic that the device hears',
    codes: ['PAYLOAD_MALFORMED'],
    play: async (scene, files) => {
      const { server, device } = scene;
      const flooded = [...STREAMS.map((stream) => topics.ack(device.id, stream)), topics.desired(device.id)];
      const rubbish = Buffer.alloc(10_000, '{');
      await scene.want(files);
      for (let n = 0; n < FLOOD; n++) {
        await Promise.all(flooded.map((topic) => server.publish(topic, rubbish)));
      }
      await device.countedSome('PAYLOAD_MALFORMED');
    },
  },
];

export const CUT_LINK: Disturbance = {
  name: `a line that breaks ${CUTS} times on the way`,
  codes: [],
  play: async (scene, files) => {
    const { proxy } = scene;
    for (let cut = 0; cut < CUTS; cut++) {
      const known = proxy.connections;
      if (cut === 1) await scene.order(files);
      // One chunk more each time: each cut meets the fetch at another place.
      await scene.server.publishChunks(chunked(files), hashesOf(files).slice(0, cut));
      proxy.cut();
      await waitFor(() => proxy.connections > known, WITHIN_MS, 'a new connection');
    }
    await scene.server.publishChunks(chunked(files));
  },
};

/** What an agent finds in the place of a chunk that it had. */
export const ROTTEN: Readonly<Record<string, (path: string) => void>> = {
  'flipped bytes': (path) => writeFileSync(path, Buffer.alloc(1000, 7)),
  'nothing in it': (path) => writeFileSync(path, ''),
  gigabytes: (path) => {
    writeFileSync(path, '');
    truncateSync(path, HUGE_BYTES);
  },
  'a folder': (path) => mkdirSync(join(path, 'with', 'more'), { recursive: true }),
  'a link to itself': (path) => symlinkSync(path, path),
};

export function hashesOf(files: Files): string[] {
  return [...chunked(files).chunks.keys()];
}

function emptyOrder(device: string, generation: number): Desired {
  return { v: 1, device, generation, issuedAtMs: 0, slots: {} };
}
