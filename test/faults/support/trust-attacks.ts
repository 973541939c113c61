/** What a hostile broker, or a thief of the server's key, does to the signed metadata; and how a device has to answer. */
import { randomBytes } from 'node:crypto';
import { encodeChunk } from '../../../protocol/chunk-codec.ts';
import { generateSigningKey, sealEnvelope, sha256Hex } from '../../../protocol/keys.ts';
import { newTargets } from '../../../protocol/new-metadata.ts';
import { topics } from '../../../protocol/topics.ts';
import type { FakeServer } from '../../agent/sync/fake-server.ts';
import { chunked } from '../../support/chunks.ts';
import { manifestOf } from '../../support/packages.ts';
import { DAY_MS, signed } from '../../support/trust.ts';
import { newVersion } from './hostile-packages.ts';
import type { Registry } from './registry.ts';

export interface Scene {
  readonly server: FakeServer;
  readonly registry: Registry;
  readonly device: string;
  /** Metadata that were in force a while ago. */
  readonly old: ReadonlyMap<string, Buffer>;
}

export interface TrustAttack {
  readonly name: string;
  /** Counted where an operator sees it; null: what is withheld is asked for, and nothing is refused. */
  readonly code: string | null;
  readonly play: (scene: Scene) => Promise<unknown>;
}

type Files = Map<string, Buffer>;

/** In the hands of whoever publishes: metadata as `make` turns them, named by a desired state that says nothing else new. */
function metadata(name: string, code: string, make: (good: Files, scene: Scene) => Files): TrustAttack {
  const play = async (scene: Scene) => {
    await scene.server.publishTrust(make(scene.server.team.bundle(), scene));
    await scene.registry.sayAgain();
  };
  return { name, code, play };
}

function desired(name: string, code: string, make: (scene: Scene) => Buffer): TrustAttack {
  const play = (scene: Scene) => scene.server.publish(topics.desired(scene.device), make(scene));
  return { name, code, play };
}

function edited(files: Files, name: string, from: string | RegExp, to: string): Files {
  return new Map(files).set(name, Buffer.from(String(files.get(name)).replace(from, to)));
}

export const trustAttacks: readonly TrustAttack[] = [
  metadata('timestamp altered', 'TRUST_SIGNATURE_INVALID', (good) =>
    edited(good, 'timestamp.json', /"expires": "2/, '"expires": "3'),
  ),
  metadata('list signed by the server', 'TRUST_WRONG_ROLE', (_, { server: { team } }) => {
    const bytes = signed(newTargets(999, Date.now() + DAY_MS, new Map()), team.key('server'));
    return team.bundle({ list: { version: 999, bytes } });
  }),
  metadata('timestamp signed by the release key', 'TRUST_WRONG_ROLE', (_, { server: { team } }) =>
    team.bundle({ key: team.key('release') }),
  ),
  metadata('old metadata replayed', 'TRUST_ROLLBACK', (_, { old }) => new Map(old)),
  metadata('old list under a new timestamp', 'TRUST_ROLLBACK', (_, { server, old }) => {
    const bytes = old.get('targets.json') ?? Buffer.alloc(0);
    const { signed: part } = JSON.parse(String(bytes)) as { signed: { version: number } };
    return server.team.bundle({ list: { version: part.version, bytes } });
  }),
  metadata('files of two versions mixed', 'TRUST_MIXED', (good, { old }) =>
    new Map(good).set('snapshot.json', old.get('snapshot.json') ?? Buffer.alloc(0)),
  ),
  metadata('metadata frozen until they ended', 'TRUST_EXPIRED', (_, { server: { team } }) =>
    team.bundle({ nowMs: Date.now() - 15 * DAY_MS, version: Math.floor(Date.now() / 1000) + 3600 }),
  ),
  metadata('file of metadata too large', 'TRUST_TOO_LARGE', (good) =>
    new Map(good).set('timestamp.json', Buffer.alloc(600_000, 0x20)),
  ),
  { name: 'index that leads to endless data', code: 'PACKAGE_TOO_LARGE', play: endlessData },
  { name: 'chunk of metadata altered', code: 'PACKAGE_HASH_MISMATCH', play: alteredChunk },
  { name: 'chunk of metadata withheld', code: null, play: withheldChunk },
  {
    name: 'package that is on no list',
    code: 'TARGET_UNKNOWN',
    play: ({ registry }) => registry.want(newVersion({}), { signed: null }),
  },
  { name: 'another package under a listed name', code: 'TARGET_MISMATCH', play: otherPackage },
  desired(
    'desired state of a stranger, with metadata that never come',
    'SIGNATURE_UNTRUSTED',
    ({ registry }) =>
      sealEnvelope(
        generateSigningKey(),
        { ...registry.desired, generation: 1e6 },
        {
          indexSha256: sha256Hex(randomBytes(8)),
          sizeBytes: 5000,
        },
      ),
  ),
  desired('desired state altered', 'SIGNATURE_INVALID', ({ registry, server }) =>
    Buffer.from(
      String(sealEnvelope(server.key, registry.desired)).replace(
        /generation\\":\d+/,
        'generation\\":1000000',
      ),
    ),
  ),
  desired('desired state of another device', 'DESIRED_REFUSED', ({ registry, server }) =>
    sealEnvelope(server.key, { ...registry.desired, device: 'another-one', generation: 1e6 }),
  ),
  desired('old desired state replayed', 'DESIRED_REFUSED', ({ registry, server }) =>
    sealEnvelope(server.key, { ...registry.desired, generation: 1 }),
  ),
];

/** An index of the right form, under a reference that admits to a few bytes. */
async function endlessData({ server, registry }: Scene): Promise<void> {
  const packed = chunked(new Map([['timestamp.json', randomBytes(16 * 1024 * 1024)]]));
  await server.publishChunks(packed, [packed.indexSha256]);
  server.trust = { indexSha256: packed.indexSha256, sizeBytes: 5000 };
  await registry.sayAgain();
}

async function alteredChunk({ server, registry }: Scene): Promise<void> {
  const files = server.team.bundle();
  const timestamp = sha256Hex(files.get('timestamp.json') ?? '');
  await server.publishTrust(files);
  await server.publish(topics.chunk(timestamp), encodeChunk(Buffer.from('something else')), true);
  await registry.sayAgain();
}

/** Its index comes, the rest never does. */
async function withheldChunk({ server, registry }: Scene): Promise<void> {
  const files = server.team.bundle();
  await server.publishTrust(files, [chunked(files).indexSha256]);
  await registry.sayAgain();
}

async function otherPackage({ registry }: Scene): Promise<void> {
  const listed = newVersion({});
  const manifest = { ...manifestOf(listed), summary: 'Another one.' };
  const other = new Map(listed).set('manifest.json', Buffer.from(JSON.stringify(manifest)));
  await registry.want(other, { signed: listed });
}
