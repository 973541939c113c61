/** Metadata as a thief or a broken tool would write them, for tests. */
import { generateSigningKey, type SigningKey, signBytes } from '../../protocol/keys.ts';
import {
  newRoot,
  newSnapshot,
  newTargets,
  newTimestamp,
  type RoleKeys,
} from '../../protocol/new-metadata.ts';
import { TrustedSet } from '../../protocol/trusted-set.ts';
import { DAY_MS, signed, TestTeam } from '../support/trust.ts';

export type Files = Map<string, Buffer>;

export const NOW_MS = Date.UTC(2027, 0, 1);
export const ENDS_MS = NOW_MS + 30 * DAY_MS;
const EVIL = { length: 4, sha256: 'e'.repeat(64) };
export const EVIL_MODEL = { name: 'evil', version: 1, manifestSha256: EVIL.sha256 };

export function newTeam(keys: Partial<Record<'root' | 'release' | 'server', SigningKey>> = {}): TestTeam {
  return new TestTeam({ nowMs: NOW_MS, keys });
}

export function bundleOf(team: TestTeam, options: Parameters<TestTeam['bundle']>[0] = {}): Files {
  return team.bundle({ nowMs: NOW_MS, ...options });
}

/** A device that pinned the team's first root and has taken its update. */
export function begun(team: TestTeam): TrustedSet {
  return TrustedSet.pinned(team.rootFile(1)).updated(bundleOf(team), NOW_MS);
}

/** What a root of the team says by now. */
export function rolesOf(team: TestTeam) {
  const one = (role: 'root' | 'release' | 'server') => ({
    publicKeys: [team.key(role).publicHex],
    threshold: 1,
  });
  return { root: one('root'), targets: one('release'), snapshot: one('server'), timestamp: one('server') };
}

export function replaced(files: ReadonlyMap<string, Buffer>, name: string, bytes: Buffer | string): Files {
  return new Map(files).set(name, Buffer.from(bytes));
}

export function without(files: ReadonlyMap<string, Buffer>, name: string): Files {
  return new Map([...files].filter(([each]) => each !== name));
}

interface Json {
  signatures: { keyid: string; sig: string }[];
  signed: Record<string, unknown>;
}

/** Changes what was signed, and signs nothing again. */
export function altered(bytes: Buffer | undefined, change: (signedPart: Json['signed']) => unknown): Buffer {
  const json = JSON.parse(String(bytes)) as Json;
  return Buffer.from(
    JSON.stringify({ ...json, signed: { ...json.signed, ...(change(json.signed) as object) } }),
  );
}

/** Changes the signatures alone. */
export function resigned(
  bytes: Buffer | undefined,
  change: (signatures: Json['signatures']) => Json['signatures'],
): Buffer {
  const json = JSON.parse(String(bytes)) as Json;
  return Buffer.from(JSON.stringify({ ...json, signatures: change(json.signatures) }));
}

/** A list with one evil package, by whatever key. */
export function evilList(version: number, ...keys: SigningKey[]): Buffer {
  return signed(newTargets(version, ENDS_MS, new Map([['evil/1/manifest.json', EVIL]])), ...keys);
}

/** The whole update of a thief who has the server's key: any list, signed by whomever, under a newer snapshot and timestamp. */
export function withList(team: TestTeam, version: number, bytes: Buffer): Files {
  return bundleOf(team, { list: { version, bytes } });
}

/** A timestamp of the team's server that names this snapshot. */
export function withSnapshot(team: TestTeam, key: SigningKey): Files {
  const good = bundleOf(team);
  const list = { version: team.listVersion, bytes: team.listFile() };
  const snapshot = signed(newSnapshot(7, ENDS_MS, list), key);
  return replaced(good, 'snapshot.json', snapshot);
}

/** The update with snapshot and timestamp of these versions: a server counts both as one, a thief need not. */
export function withVersions(team: TestTeam, snapshotVersion: number, timestampVersion: number): Files {
  const list = { version: team.listVersion, bytes: team.listFile() };
  const key = team.key('server');
  const bytes = signed(newSnapshot(snapshotVersion, ENDS_MS, list), key);
  const named = { version: snapshotVersion, bytes };
  const timestamp = signed(newTimestamp(timestampVersion, ENDS_MS, named), key);
  return new Map([...bundleOf(team), ['snapshot.json', bytes], ['timestamp.json', timestamp]]);
}

/** A first root with `threshold` of as many release keys. */
export function quorumRoot(team: TestTeam, releaseKeys: readonly SigningKey[], threshold: number): Buffer {
  const one = (key: SigningKey): RoleKeys => ({ publicKeys: [key.publicHex], threshold: 1 });
  const root = newRoot(1, ENDS_MS, {
    root: one(team.key('root')),
    targets: { publicKeys: releaseKeys.map((key) => key.publicHex), threshold },
    snapshot: one(team.key('server')),
    timestamp: one(team.key('server')),
  });
  return signed(root, team.key('root'));
}

/** The TUF canonical form of what has no floats and no strings to escape: keys in order, no spaces. */
function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  if (value === null || typeof value !== 'object') return JSON.stringify(value);
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${entries.map(([key, each]) => `${JSON.stringify(key)}:${canonical(each)}`).join(',')}}`;
}

/** Any JSON as metadata that `signers` really signed, under the key ids they are given. */
export function handSigned(part: unknown, signers: readonly (readonly [string, SigningKey])[]): Buffer {
  const bytes = Buffer.from(canonical(part));
  const signatures = signers.map(([keyid, key]) => ({ keyid, sig: signBytes(key, bytes) }));
  return Buffer.from(JSON.stringify({ signatures, signed: part }));
}

/** A root whose quorum of two release keys is one key under two ids. */
export function doubledRoot(team: TestTeam, release: SigningKey, spelled: string): Buffer {
  const json = JSON.parse(String(team.rootFile(1))) as { signed: { keys: object; roles: object } };
  const { keyId, publicHex } = release;
  const second = 'b'.repeat(64);
  const key = (text: string) => ({ keytype: 'ed25519', scheme: 'ed25519', keyval: { public: text } });
  const part = {
    ...json.signed,
    keys: { ...json.signed.keys, [keyId]: key(publicHex), [second]: key(spelled) },
    roles: { ...json.signed.roles, targets: { keyids: [keyId, second], threshold: 2 } },
  };
  return handSigned(part, [[team.key('root').keyId, team.key('root')]]);
}

export const stranger = generateSigningKey();
