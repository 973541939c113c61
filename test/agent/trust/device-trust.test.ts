/** What a device believes outlives its process, begins at the pinned root, and blocks by age only what is new. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { agentError } from '../../../agent/errors.ts';
import { DeviceTrust } from '../../../agent/trust/device-trust.ts';
import { Counters } from '../../../daemon/counters.ts';
import { hashOf, makePackage, manifestOf } from '../../support/packages.ts';
import { DAY_MS, TestTeam } from '../../support/trust.ts';
import { MemoryStates } from '../sync/memory-store.ts';
import { HandClock } from './hand-clock.ts';

const NOW_MS = Date.UTC(2027, 5, 1);
const INDEX = 'a'.repeat(64);
const shipped = makePackage({ version: 1 });
const files = makePackage({ version: 2 });
const named = (of: ReadonlyMap<string, Buffer>) => ({ ...manifestOf(of), manifestSha256: hashOf(of) });
const refused = (code: string) => expect.objectContaining({ code });

let folder: string;
let clock: HandClock;
let states: MemoryStates;
let counters: Counters;
let team: TestTeam;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'andon-trust-'));
  clock = new HandClock(NOW_MS);
  states = new MemoryStates();
  team = new TestTeam({ nowMs: NOW_MS }).sign(shipped);
  team.writeMetadata(folder);
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** The agent starts, on whatever the states hold. */
function start(): DeviceTrust {
  counters = new Counters();
  return new DeviceTrust({ folder, states, clock, log: pino({ level: 'silent' }), counters });
}

const bundle = (nowMs = clock.wall) => team.bundle({ nowMs });

describe('a device', () => {
  it('begins at the files beside its config: obeys that root’s server, runs its own models, installs no others', () => {
    const trust = start();
    expect(trust.serverKeys.map(({ keyId }) => keyId)).toEqual([team.key('server').keyId]);
    expect(trust.reported()).toEqual({ root: 1, timestamp: 0, targets: 0, indexSha256: null });
    expect(() => trust.approveConfigured(named(shipped))).not.toThrow();
    expect(() => trust.approveConfigured(named(files))).toThrow(refused('TARGET_UNKNOWN'));
    expect(() => trust.approve(named(shipped))).toThrow(refused('TARGET_UNKNOWN'));
  });

  it('does not start without a root, and says where one comes from', () => {
    rmSync(join(folder, 'root.json'));
    expect(start).toThrow(
      expect.objectContaining({ code: 'TRUST_UNREADABLE', hint: expect.stringMatching(/keys init/) }),
    );
  });

  it.each([
    ['is damaged', 'rot', 'TRUST_MALFORMED'],
    ['is signed by nobody', JSON.stringify({ signatures: [], signed: {} }), 'TRUST_MALFORMED'],
  ])('does not start on a root that %s', (_, text, code) => {
    writeFileSync(join(folder, 'root.json'), text);
    expect(start).toThrow(refused(code));
  });

  it('installs what a server’s update brought, and tells whoever asked to be told', () => {
    const trust = start();
    let told = 0;
    trust.onChange(() => {
      told += 1;
    });
    team.sign(files);
    trust.update(bundle(), INDEX);
    expect(() => trust.approve(named(files))).not.toThrow();
    expect(trust.reported()).toMatchObject({ targets: team.listVersion, indexSha256: INDEX });
    expect(told).toBe(1);
  });

  it('still knows it after a restart with no network', () => {
    team.sign(files).rotate('root');
    start().update(bundle(), INDEX);
    const trust = start();
    expect(trust.reported()).toMatchObject({ root: 2, targets: team.listVersion, indexSha256: INDEX });
    expect(() => trust.approve(named(files))).not.toThrow();
  });

  it('still refuses older metadata after a restart', () => {
    const old = bundle(NOW_MS - DAY_MS);
    start().update(bundle(), INDEX);
    expect(() => start().update(old, 'b'.repeat(64))).toThrow(refused('TRUST_ROLLBACK'));
  });

  it('takes an update whole or not at all', () => {
    const trust = start();
    team.sign(files);
    const cut = bundle();
    cut.delete('snapshot.json');
    expect(() => trust.update(cut, INDEX)).toThrow(refused('TRUST_MIXED'));
    expect(trust.reported()).toEqual({ root: 1, timestamp: 0, targets: 0, indexSha256: null });
  });

  it('says why the list that would have a package was refused, in place of the package', () => {
    const trust = start();
    team.sign(files);
    const cut = bundle();
    cut.delete('snapshot.json');
    expect(() => trust.update(cut, INDEX)).toThrow();
    expect(() => trust.approve(named(files))).toThrow(refused('TRUST_MIXED'));
    trust.update(bundle(), INDEX);
    expect(() => trust.approve(named(makePackage({ version: 9 })))).toThrow(refused('TARGET_UNKNOWN'));
  });

  it('begins anew when a person pins another root', () => {
    start().update(bundle(), INDEX);
    const others = new TestTeam({ nowMs: NOW_MS });
    others.writeMetadata(folder);
    const trust = start();
    expect(trust.reported()).toEqual({ root: 1, timestamp: 0, targets: 0, indexSha256: null });
    expect(trust.serverKeys.map(({ keyId }) => keyId)).toEqual([others.key('server').keyId]);
  });

  it.each<[string, (row: { files: Record<string, string> }) => unknown, string | null]>([
    ['is something else', () => ({ hello: 1 }), null],
    [
      'was changed',
      (row) => ({
        ...row,
        files: { ...row.files, 'root.json': row.files['root.json']?.replace('2028', '2029') },
      }),
      'TRUST_SIGNATURE_INVALID',
    ],
    ['lacks its root', (row) => ({ ...row, files: {} }), 'TRUST_MALFORMED'],
  ])('begins anew, and counts it, when its own row %s', (_, damage, code) => {
    start().update(bundle(), INDEX);
    states.set('trust/metadata', damage(states.get('trust/metadata') as { files: Record<string, string> }));
    const trust = start();
    expect(trust.reported()).toMatchObject({ root: 1, targets: 0 });
    if (code) expect(counters.get(code)).toBe(1);
    trust.update(bundle(), INDEX);
    expect(trust.reported()).toMatchObject({ indexSha256: INDEX });
  });

  it('believes an update for as long as it runs when the disk has no room for it, and counts that', () => {
    const trust = start();
    states.set = () => {
      throw agentError('STORE_FULL', 'no room');
    };
    team.sign(files);
    trust.update(bundle(), INDEX);
    expect(() => trust.approve(named(files))).not.toThrow();
    expect(counters.get('STORE_FULL')).toBeGreaterThan(0);
  });

  it('lets installations wait for metadata that are on their way, and no longer', async () => {
    const trust = start();
    let come: (() => void) | undefined;
    trust.expect(
      new Promise<void>((resolve) => {
        come = resolve;
      }),
    );
    const settled = trust.settled(new AbortController().signal);
    expect(await Promise.race([settled, Promise.resolve('waits')])).toBe('waits');
    come?.();
    await settled;
    trust.expect(Promise.reject(new Error('refused')));
    await trust.settled(new AbortController().signal);
    trust.expect(new Promise(() => undefined));
    await expect(trust.settled(AbortSignal.abort(new Error('not wanted any more')))).rejects.toThrow(
      'not wanted',
    );
  });
});

describe('age', () => {
  beforeEach(() => {
    team.sign(files);
    start().update(bundle(), INDEX);
  });

  it('blocks what is new when no newer metadata came in time, and not the model of the config', () => {
    clock.run(14 * DAY_MS);
    const trust = start();
    expect(() => trust.approve(named(files))).toThrow(refused('TRUST_EXPIRED'));
    expect(() => trust.approveConfigured(named(shipped))).not.toThrow();
    clock.run(3000 * DAY_MS);
    expect(() => start().approveConfigured(named(shipped))).not.toThrow();
  });

  it('is over with the next update', () => {
    clock.run(20 * DAY_MS);
    const trust = start();
    trust.update(bundle(), INDEX);
    expect(() => trust.approve(named(files))).not.toThrow();
  });

  it('refuses an update that has ended, though it is newer than the last', () => {
    const trust = start();
    const frozen = bundle(NOW_MS + DAY_MS);
    clock.run(20 * DAY_MS);
    expect(() => trust.update(frozen, 'b'.repeat(64))).toThrow(refused('TRUST_EXPIRED'));
  });

  it('counts over a reboot that lost the time, by the last time that a server signed', () => {
    const trust = start();
    trust.heardTime(NOW_MS + 20 * DAY_MS);
    trust.update(bundle(NOW_MS + 20 * DAY_MS), INDEX);
    clock.reboot(0, { battery: false });
    const frozen = bundle(NOW_MS + 5 * DAY_MS);
    expect(() => start().update(frozen, 'b'.repeat(64))).toThrow(refused('TRUST_EXPIRED'));
  });

  it('that a wrong clock made up ends with a new root', () => {
    const trust = start();
    trust.heardTime(NOW_MS + 3000 * DAY_MS);
    expect(() => trust.update(bundle(), INDEX)).toThrow(refused('TRUST_EXPIRED'));
    team.rotate('root');
    trust.update(bundle(), INDEX);
    expect(() => trust.approve(named(files))).not.toThrow();
  });
});
