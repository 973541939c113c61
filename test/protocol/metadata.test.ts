/** One file of signed metadata is read under limits: what is odd in it is refused soon and under a code. */
import { describe, expect, it } from 'vitest';
import { LIMITS } from '../../protocol/limits.ts';
import { keysOfRole, parseMetadata, type RoleOfTrust } from '../../protocol/metadata.ts';
import { TrustedSet } from '../../protocol/trusted-set.ts';
import { altered, bundleOf, handSigned, newTeam, resigned } from './hostile-metadata.ts';

const refused = (code: string) => expect.objectContaining({ code });
const team = newTeam();
const files = bundleOf(team);
const fileOf = (role: RoleOfTrust) =>
  files.get(role === 'root' ? '1.root.json' : `${role}.json`) ?? Buffer.alloc(0);
const hex = (n: number, digits = 64) => n.toString(16).padStart(digits, '0');

/** Of processor time, so that a busy machine does not count; far too short for what grows with the square of the input. */
const SOON_MS = 1000;

function changed(role: RoleOfTrust, change: object): [RoleOfTrust, Buffer] {
  return [role, altered(fileOf(role), () => change)];
}

function many(count: number, value: (n: number) => unknown): Record<string, unknown> {
  return Object.fromEntries(Array.from({ length: count }, (_, n) => [hex(n), value(n)]));
}

const target = () => ({ length: 1, hashes: { sha256: hex(1) } });
const tufKey = (n: number) => ({ keytype: 'ed25519', scheme: 'ed25519', keyval: { public: hex(n) } });

describe('a file of metadata', () => {
  it.each(['root', 'targets', 'snapshot', 'timestamp'] as const)('of the role %s is read', (role) => {
    expect(parseMetadata(role, fileOf(role), role).signed.version).toBeGreaterThan(0);
  });

  it('may have fields of a later version', () => {
    const bytes = altered(fileOf('targets'), () => ({ later: { with: ['anything'] } }));
    expect(parseMetadata('targets', bytes, 'targets.json').signed.version).toBe(1);
  });

  it.each<[string, [RoleOfTrust, Buffer]]>([
    ['is no JSON', ['root', Buffer.from('{')]],
    ['is no object', ['root', Buffer.from('[]')]],
    ['is null', ['root', Buffer.from('null')]],
    ['is of another role', ['targets', fileOf('snapshot')]],
    ['ends at no date', changed('targets', { expires: 'never' })],
    ['ends at a date that no calendar has', changed('targets', { expires: '2027-02-30T00:00:00Z' })],
    ['ends at a number', changed('targets', { expires: 1e15 })],
    ['has version 0', changed('targets', { version: 0 })],
    ['has half a version', changed('targets', { version: 1.5 })],
    ['has a version that no number holds exactly', changed('targets', { version: 2 ** 60 })],
    ['is of a newer specification', changed('targets', { spec_version: '2.0.0' })],
    ['delegates to others', changed('targets', { delegations: { keys: {}, roles: [] } })],
    [
      'lists more packages than may run',
      changed('targets', { targets: many(LIMITS.metadataTargets + 1, target) }),
    ],
    ['lists something that is no package', changed('targets', { targets: { 'a/1/manifest.json': 5 } })],
    [
      'names two lists',
      changed('snapshot', { meta: { 'targets.json': { version: 1 }, 'x.json': { version: 1 } } }),
    ],
    ['has more keys than roles can use', changed('root', { keys: many(100, tufKey) })],
    [
      'has roles that nobody knows',
      changed('root', { roles: many(5, () => ({ keyids: [], threshold: 1 })) }),
    ],
    ['lacks a role', changed('root', { roles: {} })],
    ['asks for no signature at all', changed('root', { roles: rolesWithThreshold(0) })],
    [
      'has more signatures than holders',
      [
        'targets',
        resigned(fileOf('targets'), () =>
          Array.from({ length: 17 }, (_, n) => ({ keyid: hex(n), sig: hex(n, 128) })),
        ),
      ],
    ],
    ['has two signatures by one key', ['targets', resigned(fileOf('targets'), (all) => [...all, ...all])]],
    [
      'has a signature that is no hex',
      ['targets', resigned(fileOf('targets'), (all) => all.map((each) => ({ ...each, sig: 'x' })))],
    ],
    ['has no signatures', ['targets', Buffer.from('{"signed":{}}')]],
  ])('that %s is refused', (_, [role, bytes]) => {
    expect(() => parseMetadata(role, bytes, 'x.json')).toThrow(refused('TRUST_MALFORMED'));
  });

  it('is refused before it is read when it is too large', () => {
    const bytes = Buffer.alloc(LIMITS.metadataBytes + 1, 0x7b);
    expect(() => parseMetadata('root', bytes, 'root.json')).toThrow(refused('TRUST_TOO_LARGE'));
  });

  it.each<[string, Buffer]>([
    ['brackets without end', Buffer.alloc(LIMITS.metadataBytes, '[')],
    ['deep nesting that closes', nested('[', ']')],
    ['deep nesting in a field of a later version', deepField()],
    [
      'as many packages as a list may have',
      full('targets', { targets: many(LIMITS.metadataTargets, target) }),
    ],
    ['as many keys and key ids as fit', full('root', { keys: many(64, tufKey), roles: rolesOfManyIds() })],
  ])('that is a bomb of %s is done with soon', (_, bytes) => {
    const start = process.cpuUsage();
    const set = TrustedSet.pinned(team.rootFile());
    for (const name of ['timestamp.json', 'targets.json', '2.root.json']) {
      expect(() => set.updated(new Map(files).set(name, bytes), 0)).toThrow(
        expect.objectContaining({ code: expect.stringMatching(/^TRUST_/) }),
      );
    }
    const { user, system } = process.cpuUsage(start);
    expect((user + system) / 1000).toBeLessThan(SOON_MS);
  });

  it('counts no key of another kind, though it stands in the root', () => {
    const part = JSON.parse(String(team.rootFile())) as { signed: { keys: object } };
    const keyIds = Object.keys(part.signed.keys);
    const keys = Object.fromEntries(
      keyIds.map((id) => [id, { keytype: 'rsa', scheme: 'rsassa-pss-sha256', keyval: { public: 'PEM' } }]),
    );
    const root = handSigned({ ...part.signed, keys }, [[team.key('root').keyId, team.key('root')]]);
    expect(keysOfRole(parseMetadata('root', root, 'root.json').signed, 'timestamp')).toEqual([]);
    expect(() => TrustedSet.pinned(root)).toThrow(refused('TRUST_WRONG_ROLE'));
  });
});

function rolesWithThreshold(threshold: number) {
  const role = { keyids: [team.key('root').keyId], threshold };
  return { root: role, targets: role, snapshot: role, timestamp: role };
}

function rolesOfManyIds() {
  const role = { keyids: Array.from({ length: 1900 }, (_, n) => hex(n)), threshold: 1 };
  return { root: role, targets: role, snapshot: role, timestamp: role };
}

function nested(open: string, close: string): Buffer {
  const half = LIMITS.metadataBytes / 2;
  return Buffer.from(open.repeat(half) + close.repeat(half));
}

function deepField(): Buffer {
  const text = String(altered(fileOf('timestamp'), () => ({ later: 'HERE' })));
  const depth = (LIMITS.metadataBytes - text.length) / 2 - 10;
  return Buffer.from(text.replace('"HERE"', '['.repeat(depth) + ']'.repeat(depth)));
}

function full(role: RoleOfTrust, change: object): Buffer {
  return changed(role, change)[1];
}
