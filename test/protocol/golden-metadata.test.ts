/**
 * Signed metadata that were once given out stay readable for ever: test/golden/trust/*.json, by keys that sign nothing else.
 * A change that breaks them breaks devices in the field, and every release team's keys folder; never change them.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { sha256Hex, signingKeyFromPem } from '../../protocol/keys.ts';
import { TrustedSet } from '../../protocol/trusted-set.ts';
import { TestTeam } from '../support/trust.ts';

const folder = join(dirname(fileURLToPath(import.meta.url)), '..', 'golden', 'trust');
const NOW_MS = Date.UTC(2027, 0, 1);
const NAMES = [
  '1.root.json',
  '2.root.json',
  '3.root.json',
  'snapshot.json',
  'targets.json',
  'timestamp.json',
];
const GOLDEN_MANIFEST = '5a'.repeat(32);

/** Keys for this test alone: the seed is one byte, 32 times, after the fixed head of an Ed25519 PKCS #8 key. */
function fixedKey(byte: number) {
  const der = Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), Buffer.alloc(32, byte)]);
  return signingKeyFromPem(
    `-----BEGIN PRIVATE KEY-----\n${der.toString('base64')}\n-----END PRIVATE KEY-----\n`,
  );
}

/** Ed25519 signatures are deterministic, so the whole bundle is. */
function made(): Map<string, Buffer> {
  const keys = { root: fixedKey(1), release: fixedKey(2), server: fixedKey(3) };
  const team = new TestTeam({ keys, nowMs: NOW_MS });
  team.rotate('server', fixedKey(4)).rotate('root', fixedKey(5));
  team.signNamed({ name: 'tiny', version: 1, manifestSha256: GOLDEN_MANIFEST }, 1234);
  return team.bundle({ nowMs: NOW_MS });
}

if (process.env.ANDON_WRITE_GOLDEN === '1' && !existsSync(folder)) {
  mkdirSync(folder);
  for (const [name, bytes] of made()) writeFileSync(join(folder, name), bytes);
}

const golden = new Map(readdirSync(folder).map((name) => [name, readFileSync(join(folder, name))]));

describe('golden metadata', () => {
  it('are a whole bundle with two rotations', () => {
    expect([...golden.keys()].sort()).toEqual(NAMES);
  });

  it('are taken by a device that pinned the first of their roots', () => {
    const set = TrustedSet.pinned(golden.get('1.root.json') ?? Buffer.alloc(0)).updated(golden, NOW_MS);
    expect(set.versions).toEqual({ root: 3, timestamp: NOW_MS / 1000, targets: 2 });
    expect(() => set.approve({ name: 'tiny', version: 1, manifestSha256: GOLDEN_MANIFEST })).not.toThrow();
    expect(set.onlineKeys.map(({ keyId }) => keyId)).toEqual([fixedKey(4).keyId]);
  });

  it.each(NAMES)('%s comes out of this code byte for byte as it did then', (name) => {
    expect(sha256Hex(made().get(name) ?? '')).toBe(sha256Hex(golden.get(name) ?? ''));
  });

  it('are refused when one byte of what was signed is another', () => {
    const set = TrustedSet.pinned(golden.get('1.root.json') ?? Buffer.alloc(0));
    const other = String(golden.get('timestamp.json')).replace(
      '"version": 1798761600',
      '"version": 1798761601',
    );
    expect(() => set.updated(new Map(golden).set('timestamp.json', Buffer.from(other)), NOW_MS)).toThrow(
      expect.objectContaining({ code: 'TRUST_SIGNATURE_INVALID' }),
    );
  });
});
