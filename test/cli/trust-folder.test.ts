/** The keys folder of a release team: quorums, what is signed when, and private halves that stay private. */
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { readSigningKey, type TeamOptions, TrustFolder } from '../../cli/trust-folder.ts';
import { generateSigningKey } from '../../protocol/keys.ts';
import { TrustedSet } from '../../protocol/trusted-set.ts';
import { newFolder } from '../faults/support/scene.ts';

const server = generateSigningKey();
const ONE = { keys: 1, threshold: 1 } as const;
const TWO_OF_THREE = { keys: 3, threshold: 2 } as const;
const DAYS = 30;
const refused = (code: string) => expect.objectContaining({ code });
const model = (version: number, digit = 'a') => ({
  name: 'milling',
  version,
  manifestSha256: digit.repeat(64),
  manifestBytes: 100,
});

let folder: string;
beforeEach(() => {
  folder = join(newFolder(), 'keys');
});

function made(options: Partial<TeamOptions> = {}): TrustFolder {
  const team = new TrustFolder(folder, DAYS);
  team.init({ serverPublicKey: server.publicHex, root: ONE, release: ONE, validDays: DAYS, ...options });
  return team;
}

const privateFiles = () => readdirSync(join(folder, 'private')).sort();
const keyFile = (role: string, n = 0) =>
  join(folder, 'private', privateFiles().filter((name) => name.startsWith(role))[n] ?? '');

/** Takes a holder's key to another place. @returns it */
function takenAway(role: string) {
  const from = keyFile(role);
  const key = readSigningKey(from);
  rmSync(from);
  return key;
}

describe('a new keys folder', () => {
  it('has private keys that only their owner reads, and metadata for everybody', () => {
    made({ root: TWO_OF_THREE, release: TWO_OF_THREE });
    expect(privateFiles()).toHaveLength(6);
    expect(statSync(join(folder, 'private')).mode & 0o777).toBe(0o700);
    for (const name of privateFiles())
      expect(statSync(join(folder, 'private', name)).mode & 0o777).toBe(0o600);
    expect(readdirSync(join(folder, 'metadata')).sort()).toEqual([
      '1.root.json',
      'root.json',
      'targets.json',
    ]);
  });

  it('gives the server the online roles and no other', () => {
    const set = made().open();
    const ids = (role: 'root' | 'targets' | 'snapshot' | 'timestamp') =>
      set.keysOf(role).map(({ keyId }) => keyId);
    expect([ids('snapshot'), ids('timestamp')]).toEqual([[server.keyId], [server.keyId]]);
    expect([...ids('root'), ...ids('targets')]).not.toContain(server.keyId);
  });

  it('never takes the place of another', () => {
    made();
    const before = privateFiles();
    expect(() => made()).toThrow(refused('KEY_EXISTS'));
    expect(privateFiles()).toEqual(before);
  });

  it('hands over roots and list, and no private key', () => {
    const team = made();
    const secrets = privateFiles().map((name) => readFileSync(join(folder, 'private', name), 'utf8'));
    const handed = [...team.files().values()].map(String).join();
    for (const secret of secrets) {
      for (const line of secret.split('\n').filter((text) => text.length > 30))
        expect(handed).not.toContain(line);
    }
    expect(handed).not.toContain('PRIVATE');
  });
});

describe('signing', () => {
  it('counts the list up when it changes, and only then', () => {
    const team = made();
    const version = () => team.open().versions.targets;
    team.sign([model(1)]);
    expect(version()).toBe(2);
    team.sign([model(1)]);
    expect(version()).toBe(2);
    team.sign([], { renew: true });
    expect(version()).toBe(3);
    team.sign([model(2)], { remove: ['milling/1/manifest.json'] });
    expect([...team.open().targets.keys()]).toEqual(['milling/2/manifest.json']);
  });

  it('never lets a signed version become another package', () => {
    const team = made();
    team.sign([model(1)]);
    expect(() => team.sign([model(1, 'b')])).toThrow(refused('VERSION_TAKEN'));
    expect(team.open().targets.get('milling/1/manifest.json')?.sha256).toBe('a'.repeat(64));
  });

  it('is done in two steps by two holders of two in three keys', () => {
    const team = made({ release: TWO_OF_THREE });
    const [first, second] = [takenAway('release'), takenAway('release')];
    rmSync(keyFile('release'));
    expect(team.sign([model(1)], { keys: [first] })).toEqual({ have: 1, need: 2 });
    expect(() => team.open()).toThrow(refused('TRUST_THRESHOLD'));
    // The second holder changes nothing, so the signature of the first stays.
    expect(team.sign([], { keys: [second] })).toEqual({ have: 2, need: 2 });
    expect(() => team.open().approve(model(1))).not.toThrow();
  });

  it('needs a release key at hand', () => {
    const team = made();
    const key = takenAway('release');
    expect(() => team.sign([model(1)])).toThrow(refused('KEY_UNREADABLE'));
    expect(() => team.sign([model(1)], { keys: [generateSigningKey()] })).toThrow(refused('KEY_UNREADABLE'));
    expect(team.sign([model(1)], { keys: [key] })).toEqual({ have: 1, need: 1 });
  });

  it('leaves the list whole when it is cut off before the new one is', () => {
    const team = made();
    team.sign([model(1)]);
    mkdirSync(join(folder, 'metadata', 'targets.json.new'));
    expect(() => team.sign([model(2)])).toThrow();
    expect([...team.open().targets.keys()]).toEqual(['milling/1/manifest.json']);
  });
});

describe('a rotation', () => {
  it.each([
    ['root', 'root'],
    ['release', 'targets'],
  ] as const)('gives the %s role to a new key, by the old root key', (role, tufRole) => {
    const team = made();
    team.sign([model(1)]);
    const before = team.open();
    expect(team.rotate(role)).toBe(2);
    const after = before
      .withRoots(team.files())
      .withTargets(team.files().get('targets.json') ?? Buffer.alloc(0));
    expect(after.keysOf(tufRole)).not.toEqual(before.keysOf(tufRole));
    expect(() => after.approve(model(1))).not.toThrow();
  });

  it('gives the online roles to another server', () => {
    const team = made();
    const next = generateSigningKey();
    team.rotate({ serverPublicKey: next.publicHex });
    expect(team.open().onlineKeys.map(({ keyId }) => keyId)).toEqual([next.keyId]);
  });

  it('is followed from the first root to the last', () => {
    const team = made({ root: TWO_OF_THREE });
    const first = TrustedSet.pinned(team.files().get('1.root.json') ?? Buffer.alloc(0));
    for (const role of ['root', 'release', 'root'] as const) team.rotate(role);
    expect(first.withRoots(team.files()).versions.root).toBe(4);
    expect(first.withRoots(team.files()).thresholdOf('root')).toBe(2);
  });

  it('is refused with too few of the old root keys, and changes nothing', () => {
    const team = made({ root: TWO_OF_THREE });
    takenAway('root');
    const key = takenAway('root');
    expect(() => team.rotate('release')).toThrow(refused('TRUST_THRESHOLD'));
    expect(team.open().versions.root).toBe(1);
    expect(team.rotate('release', [key])).toBe(2);
  });

  it('needs a root key at hand', () => {
    const team = made();
    takenAway('root');
    expect(() => team.rotate('release')).toThrow(refused('KEY_UNREADABLE'));
  });
});

describe('a damaged keys folder', () => {
  it.each([
    ['a private key that is none', () => writeFileSync(keyFile('release'), 'rot'), 'KEY_UNREADABLE'],
    ['a list that is gone', () => rmSync(join(folder, 'metadata', 'targets.json')), 'KEY_UNREADABLE'],
    [
      'a root that is none',
      () => writeFileSync(join(folder, 'metadata', 'root.json'), '{}'),
      'TRUST_MALFORMED',
    ],
  ])('with %s is told of', (_, damage, code) => {
    const team = made();
    damage();
    expect(() => team.sign([model(1)])).toThrow(refused(code));
  });
});
