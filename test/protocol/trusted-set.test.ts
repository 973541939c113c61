/** Promise 7: what may run follows from the roots and lists that their holders signed, in the newest version, in time. */
import { describe, expect, it } from 'vitest';
import { generateSigningKey } from '../../protocol/keys.ts';
import { newRoot, newTargets } from '../../protocol/new-metadata.ts';
import { TrustedSet } from '../../protocol/trusted-set.ts';
import { hashOf, makePackage, manifestOf } from '../support/packages.ts';
import { DAY_MS, signed, type TestTeam } from '../support/trust.ts';
import {
  altered,
  begun,
  bundleOf,
  ENDS_MS,
  EVIL_MODEL,
  evilList,
  type Files,
  NOW_MS,
  newTeam,
  replaced,
  rolesOf,
  stranger,
  withList,
  without,
  withSnapshot,
  withVersions,
} from './hostile-metadata.ts';

const files = makePackage();
const model = { ...manifestOf(files), manifestSha256: hashOf(files) };
const refused = (code: string) => expect.objectContaining({ code });

describe('a trusted set', () => {
  it('lets run what the release keys signed, under its own name and version, and nothing else', () => {
    const set = begun(newTeam().sign(files));
    expect(() => set.approve(model)).not.toThrow();
    expect(() => set.approve({ ...model, version: 2 })).toThrow(refused('TARGET_UNKNOWN'));
    expect(() => set.approve({ ...model, name: 'constructor' })).toThrow(refused('TARGET_UNKNOWN'));
    expect(() => set.approve({ ...model, manifestSha256: 'e'.repeat(64) })).toThrow(
      refused('TARGET_MISMATCH'),
    );
  });

  it('lets nothing run from a root alone', () => {
    expect(() => TrustedSet.pinned(newTeam().rootFile()).approve(model)).toThrow(refused('TARGET_UNKNOWN'));
  });

  it('is the same after it was kept and read', () => {
    const set = begun(newTeam().sign(files));
    const again = TrustedSet.restored(set.files);
    expect(again.versions).toEqual(set.versions);
    expect(() => again.approve(model)).not.toThrow();
  });

  it('takes the same update again', () => {
    const team = newTeam();
    const update = bundleOf(team);
    const set = TrustedSet.pinned(team.rootFile(1)).updated(update, NOW_MS);
    expect(set.updated(update, NOW_MS).versions).toEqual(set.versions);
  });

  it('lets a struck version run no more', () => {
    const team = newTeam().sign(files);
    const set = begun(team);
    team.strike(files);
    expect(() => set.updated(bundleOf(team), NOW_MS).approve(model)).toThrow(refused('TARGET_UNKNOWN'));
  });

  it('that throws has changed nothing', () => {
    const team = newTeam().sign(files);
    const set = begun(team);
    const before = set.versions;
    team.rotate('root').sign(makePackage({ version: 2 }));
    expect(() => set.updated(without(bundleOf(team), 'snapshot.json'), NOW_MS)).toThrow(
      refused('TRUST_MIXED'),
    );
    expect(set.versions).toEqual(before);
  });
});

describe('an update', () => {
  /** What a party that took the team's update last year is offered now. */
  const attacks: [string, (team: TestTeam) => Files, string][] = [
    [
      'whose timestamp was altered',
      (t) => alter(t, 'timestamp.json', { version: 2e9 }),
      'TRUST_SIGNATURE_INVALID',
    ],
    ['whose snapshot was altered', (t) => alter(t, 'snapshot.json', { version: 2e9 }), 'TRUST_MIXED'],
    ['whose list was altered', (t) => alter(t, 'targets.json', { targets: {} }), 'TRUST_MIXED'],
    [
      'whose altered list a stolen server key vouches for',
      (t) =>
        withList(
          t,
          9,
          altered(evilList(9, t.key('release')), () => ({ version: 9, expires: '2099-01-01T00:00:00Z' })),
        ),
      'TRUST_SIGNATURE_INVALID',
    ],
    ['whose next root was altered', (t) => nextRootAltered(t), 'TRUST_SIGNATURE_INVALID'],
    ['whose list the server signed', (t) => withList(t, 9, evilList(9, t.key('server'))), 'TRUST_WRONG_ROLE'],
    ['whose list the root key signed', (t) => withList(t, 9, evilList(9, t.key('root'))), 'TRUST_WRONG_ROLE'],
    ['whose list nobody signed', (t) => withList(t, 9, evilList(9)), 'TRUST_WRONG_ROLE'],
    [
      'whose timestamp the release key signed',
      (t) => bundleOf(t, { key: t.key('release') }),
      'TRUST_WRONG_ROLE',
    ],
    ['of another team', () => bundleOf(newTeam()), 'TRUST_WRONG_ROLE'],
    ['whose next root the release key signed', (t) => nextRootBy(t, 'release'), 'TRUST_WRONG_ROLE'],
    ['whose next root the server signed', (t) => nextRootBy(t, 'server'), 'TRUST_WRONG_ROLE'],
    ['whose next root only its own new key signed', (t) => nextRootByItself(t), 'TRUST_WRONG_ROLE'],
    ['whose next root says another version', (t) => rootUnderOtherName(t), 'TRUST_MIXED'],
    [
      'with another snapshot than its timestamp names',
      (t) => withSnapshot(t, t.key('server')),
      'TRUST_MIXED',
    ],
    ['with an older list than its snapshot names', (t) => withOlderList(t), 'TRUST_MIXED'],
    ['that claims another version for the list', (t) => withList(t, 99, t.listFile()), 'TRUST_MIXED'],
    [
      'without a timestamp beside a newer snapshot',
      (t) => without(bundleOf(t), 'timestamp.json'),
      'TRUST_MIXED',
    ],
    ['older than the last', (t) => bundleOf(t, { version: 1 }), 'TRUST_ROLLBACK'],
    ['whose timestamp alone is older', (t) => withVersions(t, 3e9, 1), 'TRUST_ROLLBACK'],
    ['whose snapshot alone is older', (t) => withVersions(t, 1, 3e9), 'TRUST_ROLLBACK'],
    ['whose list is older, by a stolen server key', (t) => olderListAgain(t), 'TRUST_ROLLBACK'],
    [
      'whose timestamp has ended',
      (t) => bundleOf(t, { nowMs: NOW_MS - DAY_MS, validMs: DAY_MS }),
      'TRUST_EXPIRED',
    ],
    [
      'whose list has ended',
      (t) => withList(t, 9, signed(newTargets(9, NOW_MS, new Map()), t.key('release'))),
      'TRUST_EXPIRED',
    ],
    ['whose root has ended', (t) => endedRoot(t), 'TRUST_EXPIRED'],
    [
      'with a file too large',
      (t) => replaced(bundleOf(t), 'timestamp.json', Buffer.alloc(600_000, 0x20)),
      'TRUST_TOO_LARGE',
    ],
    ['of too many files', (t) => tooManyFiles(t), 'TRUST_TOO_LARGE'],
    [
      'whose timestamp is a snapshot',
      (t) => replaced(bundleOf(t), 'timestamp.json', bundleOf(t).get('snapshot.json') ?? ''),
      'TRUST_MALFORMED',
    ],
  ];

  it.each(attacks)('%s is refused', (_, attack, code) => {
    const team = newTeam().sign(files);
    const set = begun(team);
    team.sign(makePackage({ version: 2 }));
    const hostile = attack(team);
    expect(() => set.updated(hostile, NOW_MS)).toThrow(refused(code));
    expect(() => set.approve(EVIL_MODEL)).toThrow(refused('TARGET_UNKNOWN'));
    // An honest one goes through after all of it.
    const honest = set.updated(bundleOf(team, { version: 3e9 }), NOW_MS);
    expect(honest.versions.targets).toBe(team.listVersion);
  });

  it('is refused when its snapshot is by the wrong role, though a timestamp names it', () => {
    const team = newTeam({ server: stranger });
    const [snapshotKey, timestampKey] = [generateSigningKey(), stranger];
    const one = (hex: string) => ({ publicKeys: [hex], threshold: 1 });
    const root = newRoot(1, ENDS_MS, {
      root: one(team.key('root').publicHex),
      targets: one(team.key('release').publicHex),
      snapshot: one(snapshotKey.publicHex),
      timestamp: one(timestampKey.publicHex),
    });
    const set = TrustedSet.pinned(signed(root, team.key('root')));
    expect(() => set.updated(bundleOf(team), NOW_MS)).toThrow(refused('TRUST_WRONG_ROLE'));
  });
});

describe('time', () => {
  it('ends what may be installed anew when root, list or timestamp end', () => {
    const set = begun(newTeam().sign(files));
    expect(() => set.refuseWhenExpired(NOW_MS + 13 * DAY_MS)).not.toThrow();
    expect(() => set.refuseWhenExpired(NOW_MS + 14 * DAY_MS)).toThrow(refused('TRUST_EXPIRED'));
  });

  it('does not end what a person put onto the device', () => {
    const team = newTeam().sign(files);
    expect(() => TrustedSet.pinned(team.rootFile(), team.listFile()).approve(model)).not.toThrow();
  });
});

function alter(team: TestTeam, name: string, change: object): Files {
  const good = bundleOf(team);
  return replaced(
    good,
    name,
    altered(good.get(name), () => change),
  );
}

function nextRootBy(team: TestTeam, role: 'release' | 'server'): Files {
  return replaced(bundleOf(team), '2.root.json', signed(newRoot(2, ENDS_MS, rolesOf(team)), team.key(role)));
}

function nextRootByItself(team: TestTeam): Files {
  const roles = { ...rolesOf(team), root: { publicKeys: [stranger.publicHex], threshold: 1 } };
  return replaced(bundleOf(team), '2.root.json', signed(newRoot(2, ENDS_MS, roles), stranger));
}

function nextRootAltered(team: TestTeam): Files {
  const next = signed(newRoot(2, ENDS_MS, rolesOf(team)), team.key('root'));
  return replaced(
    bundleOf(team),
    '2.root.json',
    altered(next, () => ({ expires: '2099-01-01T00:00:00Z' })),
  );
}

function rootUnderOtherName(team: TestTeam): Files {
  const third = signed(newRoot(3, ENDS_MS, rolesOf(team)), team.key('root'));
  return replaced(bundleOf(team), '2.root.json', third);
}

function endedRoot(team: TestTeam): Files {
  const ended = signed(newRoot(2, NOW_MS, rolesOf(team)), team.key('root'));
  return replaced(bundleOf(team), '2.root.json', ended);
}

function withOlderList(team: TestTeam): Files {
  const old = team.listFile();
  team.sign(makePackage({ version: 3 }));
  return replaced(bundleOf(team), 'targets.json', old);
}

function olderListAgain(team: TestTeam): Files {
  return withList(team, 1, signed(newTargets(1, ENDS_MS, new Map()), team.key('release')));
}

function tooManyFiles(team: TestTeam): Files {
  const more = Array.from({ length: 65 }, (_, i): [string, Buffer] => [`file-${i}`, Buffer.alloc(0)]);
  return new Map([...bundleOf(team), ...more]);
}
