/** Whatever comes in whatever order, from honest and hostile hands: no version goes back, and nothing runs that no release key signed. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { codeOf } from '../../protocol/errors.ts';
import { TrustedSet } from '../../protocol/trusted-set.ts';
import { hashOf, makePackage, manifestOf } from '../support/packages.ts';
import type { TeamRole, TestTeam } from '../support/trust.ts';
import {
  bundleOf,
  EVIL_MODEL,
  evilList,
  type Files,
  NOW_MS,
  newTeam,
  stranger,
  withList,
} from './hostile-metadata.ts';

const packages = [1, 2, 3, 4].map((version) => makePackage({ version }));
const NAMES = ['timestamp.json', 'snapshot.json', 'targets.json'] as const;

type Step =
  /** The release team puts a package on its list, or takes it off. */
  | { kind: 'sign' | 'strike'; which: number }
  | { kind: 'rotate'; role: TeamRole }
  /** The newest update arrives. */
  | { kind: 'honest' }
  /** Files of different updates arrive together; numbers pick them from all that ever were. */
  | { kind: 'mixed'; picks: readonly number[]; roots: number }
  /** A thief of the server's key vouches for a list of his own, or for an old one, under any version. */
  | { kind: 'thief'; by: 'stranger' | 'server' | 'root' | 'old'; version: number; pick: number };

const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ kind: fc.constantFrom('sign' as const, 'strike' as const), which: fc.nat(3) }),
  fc.record({
    kind: fc.constant('rotate' as const),
    role: fc.constantFrom('root' as const, 'release' as const, 'server' as const),
  }),
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('honest' as const) }) },
  fc.record({
    kind: fc.constant('mixed' as const),
    picks: fc.array(fc.nat(20), { minLength: 3, maxLength: 3 }),
    roots: fc.nat(8),
  }),
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('thief' as const),
      by: fc.oneof(
        fc.constant('old' as const),
        fc.constantFrom('stranger' as const, 'server' as const, 'root' as const),
      ),
      version: fc.oneof(fc.integer({ min: 1, max: 12 }), fc.constant(4_000_000_000)),
      pick: fc.nat(20),
    }),
  },
);

/** One device, one team, and all that was ever published. */
class World {
  readonly team: TestTeam = newTeam();
  readonly published: Files[] = [];
  set = TrustedSet.pinned(this.team.rootFile(1));
  /** Rotations of the role, by the newest root that the device follows. */
  readonly rotations: { role: TeamRole; root: number }[] = [];

  take(files: Files): void {
    const before = this.set;
    try {
      this.set = before.updated(files, NOW_MS);
    } catch (error) {
      expect(codeOf(error)).toMatch(/^TRUST_/);
    }
    this.#holds(before);
  }

  honest(): Files {
    const files = bundleOf(this.team);
    this.published.push(files);
    return files;
  }

  pick(n: number): Files {
    return this.published[n % this.published.length] ?? new Map();
  }

  #holds(before: TrustedSet): void {
    const [was, is] = [before.versions, this.set.versions];
    const rotated = (role: TeamRole) =>
      this.rotations.some((each) => each.role === role && each.root > was.root && each.root <= is.root);
    expect(is.root).toBeGreaterThanOrEqual(was.root);
    if (!rotated('server')) expect(is.timestamp).toBeGreaterThanOrEqual(was.timestamp);
    if (!rotated('release')) expect(is.targets).toBeGreaterThanOrEqual(was.targets);
    for (const path of this.set.targets.keys()) expect(path).toMatch(/^tiny\/[1-4]\//);
    expect(() => this.set.approve(EVIL_MODEL)).toThrow(expect.objectContaining({ code: 'TARGET_UNKNOWN' }));
  }
}

function play(world: World, step: Step): void {
  const { team } = world;
  switch (step.kind) {
    case 'sign':
    case 'strike':
      team[step.kind](packages[step.which] ?? makePackage());
      world.honest();
      return;
    case 'rotate':
      team.rotate(step.role);
      world.rotations.push({ role: step.role, root: team.signedFiles().size - 1 });
      world.honest();
      return;
    case 'honest':
      world.take(world.honest());
      return;
    case 'mixed': {
      const roots = [...team.signedFiles()]
        .filter(([name]) => name.endsWith('.root.json'))
        .slice(0, step.roots);
      const others = NAMES.map((name, i): [string, Buffer] => [
        name,
        world.pick(step.picks[i] ?? 0).get(name) ?? Buffer.alloc(0),
      ]);
      world.take(new Map([...roots, ...others]));
      return;
    }
    case 'thief': {
      const { by, version } = step;
      const key = by === 'stranger' ? stranger : by === 'old' ? undefined : team.key(by);
      const old = world.pick(step.pick).get('targets.json') ?? Buffer.alloc(0);
      const ofOld = (JSON.parse(String(old)) as { signed: { version: number } }).signed.version;
      world.take(key ? withList(team, version, evilList(version, key)) : withList(team, ofOld, old));
    }
  }
}

it('never lowers a version and never approves what the release keys did not sign', () => {
  fc.assert(
    fc.property(fc.array(step, { minLength: 6, maxLength: 24 }), (steps) => {
      const world = new World();
      world.take(world.honest());
      for (const each of steps) play(world, each);
      // However far a thief went: with a new key for the server the honest list is in force again.
      play(world, { kind: 'rotate', role: 'server' });
      play(world, { kind: 'honest' });
      expect(world.set.versions.targets).toBe(world.team.listVersion);
    }),
    { numRuns: 80 },
  );
});

it('approves what the newest list has, once an honest update came through', () => {
  const world = new World();
  const [first = makePackage()] = packages;
  world.team.sign(first);
  world.take(world.honest());
  expect(() => world.set.approve({ ...manifestOf(first), manifestSha256: hashOf(first) })).not.toThrow();
});
