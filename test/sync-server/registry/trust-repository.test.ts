/** The server hands on what the holders of the offline keys signed, with its own snapshot and timestamp, and never holds their keys. */
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { generateSigningKey } from '../../../protocol/keys.ts';
import { newTargets } from '../../../protocol/new-metadata.ts';
import { TrustedSet } from '../../../protocol/trusted-set.ts';
import { TrustRepository } from '../../../sync-server/registry/trust-repository.ts';
import { ChunkFiles } from '../../../sync-server/store/chunk-files.ts';
import { hashOf, makePackage, manifestOf } from '../../support/packages.ts';
import { DAY_MS, signed, TestTeam } from '../../support/trust.ts';
import { TestClock, temporaryFolder } from '../support.ts';

const VALID_MS = 14 * DAY_MS;
const files = makePackage();
const model = { ...manifestOf(files), manifestSha256: hashOf(files) };
const refused = (code: string) => expect.objectContaining({ code });

let clock: TestClock;
let team: TestTeam;
let folder: string;
let chunkFiles: ChunkFiles;
let changes: number;

beforeEach(() => {
  clock = new TestClock();
  team = new TestTeam({ nowMs: clock.nowMs }).sign(files);
  folder = join(temporaryFolder(), 'trust');
  chunkFiles = new ChunkFiles(join(temporaryFolder(), 'chunks'));
  changes = 0;
});

/** The server starts, on whatever the folder holds. */
function start({ key = team.key('server'), pinnedRoot = null as string | null } = {}): TrustRepository {
  const onChange = () => {
    changes += 1;
  };
  const repository = new TrustRepository({
    folder,
    pinnedRoot,
    key,
    validMs: VALID_MS,
    chunkFiles,
    clock,
    onChange,
  });
  repository.open();
  repository.renew();
  return repository;
}

function published(): TrustRepository {
  const repository = start();
  repository.accept(team.signedFiles());
  return repository;
}

/** What a new device would believe of it. @throws CodedError TRUST_* */
function device({ files }: TrustRepository): TrustedSet {
  return TrustedSet.pinned(team.rootFile(1)).updated(files, clock.nowMs);
}

describe('the trust repository', () => {
  it('has nothing to hand on, and approves nothing, before a root was published', () => {
    const repository = start();
    expect(repository).toMatchObject({ ref: undefined, state: undefined, chunks: [], isOnline: false });
    expect(() => repository.approve(model)).toThrow(refused('TRUST_UNREADABLE'));
    expect(() => repository.accept(new Map([['targets.json', team.listFile()]]))).toThrow(
      refused('TRUST_UNREADABLE'),
    );
  });

  it('hands on what a device takes, in chunks that are on its disk', () => {
    const repository = published();
    expect(() => device(repository).approve(model)).not.toThrow();
    expect(() => repository.approve(model)).not.toThrow();
    expect(repository.chunks).toContain(repository.ref?.indexSha256);
    for (const chunk of repository.chunks) expect(chunkFiles.read(chunk).length).toBeGreaterThan(0);
    expect(changes).toBe(1);
  });

  it('says the same after a restart, and issues nothing anew that is fresh', () => {
    const { ref } = published();
    expect(start().ref).toEqual(ref);
    expect(changes).toBe(1);
  });

  it('issues anew when a third of the time is over, under a higher version, and tells the devices', () => {
    const repository = published();
    const before = device(repository);
    clock.nowMs += VALID_MS / 3 - 1;
    repository.renew();
    expect(changes).toBe(1);
    clock.nowMs += 2;
    repository.renew();
    expect(changes).toBe(2);
    const { versions } = before.updated(repository.files, clock.nowMs);
    expect(versions.timestamp).toBeGreaterThan(before.versions.timestamp);
  });

  it('never uses a version twice, though its clock was set back or a backup was restored', () => {
    const repository = published();
    const first = device(repository);
    clock.nowMs -= 40 * DAY_MS;
    repository.accept(team.sign(makePackage({ version: 2 })).signedFiles());
    expect(repository.state?.timestamp).toBeGreaterThan(first.versions.timestamp);
    const backup = readdirSync(folder).map((name): [string, Buffer] => [
      name,
      readFileSync(join(folder, name)),
    ]);
    clock.nowMs += 41 * DAY_MS;
    repository.accept(team.sign(makePackage({ version: 3 })).signedFiles());
    const seen = device(repository);
    for (const [name, bytes] of backup) writeFileSync(join(folder, name), bytes);
    clock.nowMs += DAY_MS;
    const restored = start();
    restored.accept(team.signedFiles());
    expect(seen.updated(restored.files, clock.nowMs).versions.targets).toBe(team.listVersion);
  });

  it('takes newer roots and lists, and keeps every root for devices that slept', () => {
    const repository = published();
    const asleep = device(repository);
    team.rotate('root').rotate('release');
    repository.accept(team.signedFiles());
    team.rotate('root');
    repository.accept(team.signedFiles());
    expect(asleep.updated(start().files, clock.nowMs).versions).toMatchObject({
      root: 4,
      targets: team.listVersion,
    });
  });

  it('refuses an older list and stays as it is', () => {
    const old = team.signedFiles();
    team.sign(makePackage({ version: 2 }));
    const repository = published();
    const { ref } = repository;
    expect(() => repository.accept(old)).toThrow(refused('TRUST_ROLLBACK'));
    expect(repository.ref).toEqual(ref);
  });

  it.each([
    ['by a stranger', () => new TestTeam({ nowMs: clock.nowMs }).listFile(), 'TRUST_WRONG_ROLE'],
    ['that is none', () => Buffer.from('{}'), 'TRUST_MALFORMED'],
  ])('refuses a list %s', (_, make, code) => {
    const repository = published();
    expect(() => repository.accept(team.signedFiles().set('targets.json', make()))).toThrow(refused(code));
    expect(() => device(start()).approve(model)).not.toThrow();
  });

  it('asks for a new list when a root took the release key away', () => {
    const repository = published();
    const old = team.listFile();
    team.rotate('release');
    expect(() => repository.accept(team.signedFiles().set('targets.json', old))).toThrow(
      refused('TRUST_WRONG_ROLE'),
    );
    const rootAlone = new Map([...team.signedFiles()].filter(([name]) => name !== 'targets.json'));
    expect(() => repository.accept(rootAlone)).toThrow(refused('TRUST_WRONG_ROLE'));
    repository.accept(team.signedFiles());
    expect(device(repository).versions.root).toBe(2);
  });

  it('takes the team’s list again after a thief of the release key ran its version up', () => {
    const repository = published();
    const thief = newTargets(Number.MAX_SAFE_INTEGER, clock.nowMs + DAY_MS, new Map());
    repository.accept(new Map([['targets.json', signed(thief, team.key('release'))]]));
    expect(() => repository.accept(team.signedFiles())).toThrow(refused('TRUST_ROLLBACK'));
    repository.accept(team.rotate('release').signedFiles());
    expect(() => device(repository).approve(model)).not.toThrow();
  });

  it('issues nothing when the list has ended, and says so', () => {
    const repository = published();
    clock.nowMs += 366 * DAY_MS;
    expect(() => repository.renew()).toThrow(refused('TRUST_EXPIRED'));
    expect(changes).toBe(1);
  });

  it('keeps only what is public', () => {
    published();
    for (const name of readdirSync(folder)) {
      expect(readFileSync(join(folder, name), 'utf8')).not.toMatch(/PRIVATE|privateKey/);
    }
  });
});

describe('its first root', () => {
  it('is for ever the one that it began with', () => {
    published();
    const others = new TestTeam({ nowMs: clock.nowMs });
    expect(() => start().accept(others.signedFiles())).toThrow(refused('TRUST_WRONG_ROLE'));
    expect(start().state?.root).toBe(1);
  });

  it('is the one that the configuration pins, before anybody publishes', () => {
    const pinnedRoot = join(temporaryFolder(), '1.root.json');
    writeFileSync(pinnedRoot, team.rootFile(1));
    const repository = start({ pinnedRoot });
    const others = new TestTeam({ nowMs: clock.nowMs });
    expect(() => repository.accept(others.signedFiles())).toThrow(refused('TRUST_WRONG_ROLE'));
    repository.accept(team.signedFiles());
    expect(() => device(repository).approve(model)).not.toThrow();
  });

  it('is asked for when the pinned file is not there', () => {
    expect(() => start({ pinnedRoot: '/nowhere/1.root.json' })).toThrow(
      expect.objectContaining({
        code: 'TRUST_UNREADABLE',
        message: expect.stringContaining('/nowhere/1.root.json'),
      }),
    );
  });
});

describe('a server whose key the root does not name', () => {
  it('says so, and issues nothing', () => {
    const repository = start({ key: generateSigningKey() });
    repository.accept(team.signedFiles());
    expect(repository).toMatchObject({ isOnline: false, ref: undefined });
    expect(repository.state).toMatchObject({ root: 1, targets: team.listVersion, timestamp: 0 });
    expect(changes).toBe(0);
  });

  it('goes on handing out what its old key issued, and issues again once the root names the new one', () => {
    const old = published();
    const asleep = device(old);
    const key = generateSigningKey();
    const repository = start({ key });
    expect(repository).toMatchObject({ isOnline: false, ref: old.ref });
    team.rotate('server', key);
    repository.accept(team.signedFiles());
    expect(repository.isOnline).toBe(true);
    expect(asleep.updated(repository.files, clock.nowMs).versions.root).toBe(2);
  });
});

describe('a cut between two of its files', () => {
  it.each<[string, () => void]>([
    ['without a timestamp', () => rmSync(join(folder, 'timestamp.json'))],
    ['without a snapshot', () => rmSync(join(folder, 'snapshot.json'))],
    [
      'with a newer list than its snapshot',
      () => writeFileSync(join(folder, 'targets.json'), team.sign(makePackage({ version: 2 })).listFile()),
    ],
    [
      'with a newer snapshot than its timestamp',
      () =>
        writeFileSync(
          join(folder, 'snapshot.json'),
          team.bundle({ nowMs: clock.nowMs, version: 2e9 }).get('snapshot.json') ?? '',
        ),
    ],
    ['with a torn timestamp', () => writeFileSync(join(folder, 'timestamp.json'), '{"signatures":')],
  ])('leaves it %s, and it hands on what a device takes all the same', (_, cut) => {
    const seen = device(published());
    cut();
    clock.nowMs += 1000;
    expect(() => seen.updated(start().files, clock.nowMs).approve(model)).not.toThrow();
  });

  it('leaves a new root beside the list of the old release key: nothing is approved until the holders publish again', () => {
    published();
    team.rotate('release');
    writeFileSync(join(folder, '2.root.json'), team.rootFile(2));
    const repository = start();
    expect(() => repository.approve(model)).toThrow(refused('TARGET_UNKNOWN'));
    repository.accept(team.signedFiles());
    expect(() => device(repository).approve(model)).not.toThrow();
  });
});
