/** Roots say whose keys count and how many: they are followed in a chain, and what they take from a key is taken for good. */
import { describe, expect, it } from 'vitest';
import { generateSigningKey } from '../../protocol/keys.ts';
import { newRoot, newTargets, signMetadata } from '../../protocol/new-metadata.ts';
import { TrustedSet } from '../../protocol/trusted-set.ts';
import { hashOf, makePackage, manifestOf } from '../support/packages.ts';
import { DAY_MS, signed } from '../support/trust.ts';
import {
  begun,
  bundleOf,
  doubledRoot,
  ENDS_MS,
  EVIL_MODEL,
  evilList,
  NOW_MS,
  newTeam,
  quorumRoot,
  replaced,
  resigned,
  rolesOf,
  stranger,
  withList,
  without,
} from './hostile-metadata.ts';

const files = makePackage();
const model = { ...manifestOf(files), manifestSha256: hashOf(files) };
const refused = (code: string) => expect.objectContaining({ code });

describe('a threshold of two in three', () => {
  const keys = [generateSigningKey(), generateSigningKey(), generateSigningKey()] as const;
  const team = newTeam();
  const set = TrustedSet.pinned(quorumRoot(team, keys, 2));

  it.each([
    ['none of them', [stranger], 'TRUST_WRONG_ROLE'],
    ['one of them', [keys[0]], 'TRUST_THRESHOLD'],
    ['one of them and a stranger', [keys[0], stranger], 'TRUST_THRESHOLD'],
  ])('is not met by %s', (_, signers, code) => {
    expect(() => set.withTargets(evilList(1, ...signers))).toThrow(refused(code));
  });

  it('is met by any two, one after the other', () => {
    const list = newTargets(1, ENDS_MS, new Map());
    signMetadata(list, keys[2]);
    expect(set.withTargets(signed(list, keys[0])).versions.targets).toBe(1);
  });

  it('is not met when one of the two signatures is no signature', () => {
    const list = resigned(evilList(1, keys[0], keys[1]), (all) =>
      all.map((each) => (each.keyid === keys[1].keyId ? { ...each, sig: '0'.repeat(128) } : each)),
    );
    expect(() => set.withTargets(list)).toThrow(refused('TRUST_SIGNATURE_INVALID'));
  });

  it.each([
    ['', keys[0].publicHex],
    [' and spelled in another way', keys[0].publicHex.toUpperCase()],
  ])('is not met by one key that is listed under two ids%s', (_, spelled) => {
    const doubled = TrustedSet.pinned(doubledRoot(team, keys[0], spelled));
    const list = resigned(evilList(1, keys[0]), (all) =>
      all.flatMap((each) => [each, { ...each, keyid: 'b'.repeat(64) }]),
    );
    expect(() => doubled.withTargets(list)).toThrow(refused('TRUST_THRESHOLD'));
  });
});

describe('roots', () => {
  it('are followed through any number of them that a device slept through', () => {
    const team = newTeam().sign(files);
    const set = begun(team);
    for (const role of ['root', 'release', 'server', 'root', 'root', 'server'] as const) team.rotate(role);
    const followed = set.updated(bundleOf(team), NOW_MS);
    expect(followed.versions.root).toBe(7);
    expect(() => followed.approve(model)).not.toThrow();
  });

  it('are not followed over a hole', () => {
    const team = newTeam();
    const set = begun(team);
    team.rotate('root').rotate('root');
    expect(set.withRoots(without(team.signedFiles(), '2.root.json')).versions.root).toBe(1);
  });

  it('that ended do not stop a device that slept through them, as long as the last has not', () => {
    const team = newTeam();
    const late = NOW_MS + 400 * DAY_MS;
    const set = begun(team);
    const renewed = newTeam({
      root: team.key('root'),
      release: team.key('release'),
      server: team.key('server'),
    });
    expect(() => set.updated(bundleOf(renewed, { nowMs: late }), late)).toThrow(refused('TRUST_EXPIRED'));
    const next = newRoot(2, late + DAY_MS, rolesOf(team));
    const list = signed(newTargets(2, late + DAY_MS, new Map()), team.key('release'));
    const update = bundleOf(team, { nowMs: late, list: { version: 2, bytes: list } });
    update.set('2.root.json', signed(next, team.key('root')));
    expect(set.updated(update, late).versions).toMatchObject({ root: 2, targets: 2 });
  });

  it.each(['root', 'release', 'server'] as const)('take the %s role from a key for good', (role) => {
    const team = newTeam();
    const set = begun(team);
    const old = team.key(role);
    team.rotate(role);
    const followed = set.updated(bundleOf(team), NOW_MS);
    const by = {
      root: () => replaced(bundleOf(team), '3.root.json', signed(newRoot(3, ENDS_MS, rolesOf(team)), old)),
      release: () => withList(team, 99, evilList(99, old)),
      server: () => bundleOf(team, { key: old }),
    };
    expect(() => followed.updated(by[role](), NOW_MS)).toThrow(refused('TRUST_WRONG_ROLE'));
  });

  it('end the counters that a thief of the server’s key ran up', () => {
    const team = newTeam().sign(files);
    const fastForwarded = begun(team).updated(bundleOf(team, { version: Number.MAX_SAFE_INTEGER }), NOW_MS);
    expect(() => fastForwarded.updated(bundleOf(team), NOW_MS)).toThrow(refused('TRUST_ROLLBACK'));
    team.rotate('server');
    expect(() => fastForwarded.updated(bundleOf(team), NOW_MS).approve(model)).not.toThrow();
  });

  it('end the counter that a thief of the release key ran up', () => {
    const team = newTeam().sign(files);
    const last = Number.MAX_SAFE_INTEGER;
    const fastForwarded = begun(team).updated(
      withList(team, last, evilList(last, team.key('release'))),
      NOW_MS,
    );
    expect(fastForwarded.versions.targets).toBe(last);
    team.rotate('release');
    const recovered = fastForwarded.updated(bundleOf(team), NOW_MS);
    expect(() => recovered.approve(EVIL_MODEL)).toThrow(refused('TARGET_UNKNOWN'));
    expect(() => recovered.approve(model)).not.toThrow();
  });
});
