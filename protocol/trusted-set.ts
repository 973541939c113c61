/**
 * What one party believes: a root, and the timestamp, snapshot and targets that follow from it. Immutable: an update gives
 * a new set that is verified as a whole, or throws and changes nothing. The client workflow of TUF 1.0, section 5, without
 * its downloads.
 */
import { protocolError } from './errors.ts';
import type { PublicKey } from './keys.ts';
import { LIMITS } from './limits.ts';
import { checkSignatures, keysOfRole, parseMetadata, ROLES_OF_TRUST, type RoleOfTrust } from './metadata.ts';
import {
  expiryMs,
  fileOf,
  type MetadataFiles,
  type Read,
  readOptional,
  readRoot,
  readSigned,
  refuseExpired,
  refuseOlder,
  refuseOthers,
  refuseOtherVersion,
  sameKeys,
  stillSigned,
  versionOf,
} from './signed-file.ts';

/** A package as it is asked for: the list must have this very manifest under this name and version. */
export interface NamedModel {
  readonly name: string;
  readonly version: number;
  readonly manifestSha256: string;
}

interface Parts {
  readonly root: Read<'root'>;
  /** From the server's online key; null in a set that was made from files beside a root. */
  readonly timestamp: Read<'timestamp'> | null;
  readonly snapshot: Read<'snapshot'> | null;
  readonly targets: Read<'targets'> | null;
}

export interface TrustVersions {
  readonly root: number;
  readonly timestamp: number;
  readonly targets: number;
}

export class TrustedSet {
  readonly #parts: Parts;

  private constructor(parts: Parts) {
    this.#parts = parts;
  }

  /**
   * Trust begins here: with files that a person put onto this machine. They do not expire, because a device that is set up
   * after years on a shelf must run; what comes from outside does.
   * @param targets the list that came along, signed by the root's targets keys
   * @throws CodedError TRUST_*
   */
  static pinned(root: Buffer, targets?: Buffer): TrustedSet {
    const set = new TrustedSet({ root: readRoot(root), timestamp: null, snapshot: null, targets: null });
    return targets ? set.withListBeside(targets) : set;
  }

  /** The inverse of `files`. @throws CodedError TRUST_* when it was changed meanwhile */
  static restored(files: MetadataFiles): TrustedSet {
    const root = files.get('root.json');
    if (!root) throw protocolError('TRUST_MALFORMED', 'the kept metadata have no root.json');
    const parts = { root: readRoot(root), timestamp: null, snapshot: null, targets: null };
    return new TrustedSet({
      ...parts,
      timestamp: readOptional(parts.root, 'timestamp', files),
      snapshot: readOptional(parts.root, 'snapshot', files),
      targets: readOptional(parts.root, 'targets', files),
    });
  }

  /** To keep it over a restart. */
  get files(): Map<string, Buffer> {
    return new Map(
      ROLES_OF_TRUST.flatMap((role): [string, Buffer][] => {
        const read = this.#parts[role];
        return read ? [[`${role}.json`, read.bytes]] : [];
      }),
    );
  }

  get versions(): TrustVersions {
    const { root, timestamp, targets } = this.#parts;
    return {
      root: versionOf(root) ?? 0,
      timestamp: versionOf(timestamp) ?? 0,
      targets: versionOf(targets) ?? 0,
    };
  }

  /** When root or targets end, whichever is first, ms since the Unix epoch: then people have to sign. */
  get offlineExpiresMs(): number {
    const { root, targets } = this.#parts;
    return Math.min(expiryMs(root), targets ? expiryMs(targets) : Number.POSITIVE_INFINITY);
  }

  /** When the timestamp ends, ms since the Unix epoch; undefined while there is none. */
  get timestampExpiresMs(): number | undefined {
    const { timestamp } = this.#parts;
    return timestamp ? expiryMs(timestamp) : undefined;
  }

  /** Keys whose messages to this device are obeyed: those of the role that is online. */
  get onlineKeys(): PublicKey[] {
    return this.keysOf('timestamp');
  }

  keysOf(role: RoleOfTrust): PublicKey[] {
    return keysOfRole(this.#parts.root.metadata.signed, role);
  }

  /** How many keys of a role must sign. */
  thresholdOf(role: RoleOfTrust): number {
    return this.#parts.root.metadata.signed.roles[role]?.threshold ?? 1;
  }

  /** Target paths that may run, with the sha256 of their manifests. */
  get targets(): Map<string, { length: number; sha256: string }> {
    const targets = this.#parts.targets?.metadata.signed.targets ?? {};
    return new Map(
      Object.entries(targets).map(([path, { length, hashes }]) => [
        path,
        { length, sha256: hashes.sha256 ?? '' },
      ]),
    );
  }

  /**
   * Follows the chain of roots as far as `files` has it: each signed by the one before and by itself, versions without a hole.
   * A rotation of the online keys forgets timestamp and snapshot, and a list for which the new root's keys no longer stand is
   * forgotten too, so that counters that a thief ran up end with his key.
   * @throws CodedError TRUST_*
   */
  withRoots(files: MetadataFiles): TrustedSet {
    let parts = this.#parts;
    for (;;) {
      const version = parts.root.metadata.signed.version + 1;
      const bytes = files.get(`${version}.root.json`);
      if (!bytes) return new TrustedSet(parts);
      const what = `${version}.root.json`;
      const root = { bytes, metadata: parseMetadata('root', bytes, what) };
      checkSignatures(parts.root.metadata.signed, 'root', root.metadata, what);
      checkSignatures(root.metadata.signed, 'root', root.metadata, what);
      if (root.metadata.signed.version !== version) {
        throw protocolError('TRUST_MIXED', `${what} holds version ${root.metadata.signed.version}`);
      }
      const kept = sameKeys(parts.root, root, 'timestamp') && sameKeys(parts.root, root, 'snapshot');
      const targets = parts.targets && stillSigned(root, parts.targets) ? parts.targets : null;
      parts = kept ? { ...parts, root, targets } : { root, timestamp: null, snapshot: null, targets };
    }
  }

  /**
   * A newer list straight from the holders of the targets keys: how the server takes it, before it issues snapshot and timestamp.
   * @throws CodedError TRUST_*
   */
  withTargets(bytes: Buffer): TrustedSet {
    const targets = readSigned(this.#parts.root, 'targets', bytes);
    refuseOlder(this.#parts.targets, targets, 'targets.json');
    return new TrustedSet({ ...this.#parts, targets });
  }

  /** The same root with a list that a person put beside it, whatever a server brought. @throws CodedError TRUST_* */
  withListBeside(bytes: Buffer): TrustedSet {
    const { root } = this.#parts;
    return new TrustedSet({
      root,
      timestamp: null,
      snapshot: null,
      targets: readSigned(root, 'targets', bytes),
    });
  }

  /**
   * The whole update. What `files` lacks stays as it is.
   * @param nowMs a time that never goes back; what has expired by then is refused
   * @throws CodedError TRUST_MALFORMED, TRUST_TOO_LARGE, TRUST_SIGNATURE_INVALID, TRUST_WRONG_ROLE, TRUST_THRESHOLD,
   * TRUST_ROLLBACK, TRUST_MIXED, TRUST_EXPIRED
   */
  updated(files: MetadataFiles, nowMs: number): TrustedSet {
    if (files.size > LIMITS.metadataFiles) {
      throw protocolError(
        'TRUST_TOO_LARGE',
        `${files.size} files of metadata, limit ${LIMITS.metadataFiles}`,
      );
    }
    const { root, ...before } = this.withRoots(files).#parts;
    refuseExpired(root, nowMs, 'root.json');
    const timestamp = readSigned(root, 'timestamp', fileOf(files, 'timestamp.json', before.timestamp));
    refuseOlder(before.timestamp, timestamp, 'timestamp.json');
    refuseExpired(timestamp, nowMs, 'timestamp.json');
    const snapshotMeta = timestamp.metadata.signed.snapshotMeta;
    const snapshotBytes = fileOf(files, 'snapshot.json', before.snapshot);
    refuseOthers(snapshotMeta, snapshotBytes, 'snapshot.json', 'timestamp.json');
    const snapshot = readSigned(root, 'snapshot', snapshotBytes);
    refuseOtherVersion(snapshotMeta.version, snapshot, 'snapshot.json', 'timestamp.json');
    refuseOlder(before.snapshot, snapshot, 'snapshot.json');
    refuseExpired(snapshot, nowMs, 'snapshot.json');
    const targetsMeta = snapshot.metadata.signed.meta['targets.json'];
    if (!targetsMeta) throw protocolError('TRUST_MIXED', 'snapshot.json does not name targets.json');
    const targetsBytes = fileOf(files, 'targets.json', before.targets);
    refuseOthers(targetsMeta, targetsBytes, 'targets.json', 'snapshot.json');
    const targets = readSigned(root, 'targets', targetsBytes);
    refuseOtherVersion(targetsMeta.version, targets, 'targets.json', 'snapshot.json');
    refuseOlder(before.targets, targets, 'targets.json');
    refuseExpired(targets, nowMs, 'targets.json');
    return new TrustedSet({ root, timestamp, snapshot, targets });
  }

  /**
   * Whether this package may run: its manifest is on the list, under its own name and version.
   * @throws CodedError TARGET_UNKNOWN, TARGET_MISMATCH
   */
  approve(model: NamedModel): void {
    const path = targetPath(model);
    const target = this.targets.get(path);
    if (!target) {
      throw protocolError('TARGET_UNKNOWN', `${path} is not on the signed list of what may run`, {
        hint: 'Let the holder of the release key sign it: andon sign <package-folder>, then andon publish.',
      });
    }
    if (target.sha256 === model.manifestSha256) return;
    throw protocolError('TARGET_MISMATCH', `${path} is another package than the one on the signed list`, {
      hint: 'A version never changes: count it up, sign and publish again.',
    });
  }

  /** @throws CodedError TRUST_EXPIRED once the list must not be built on any more: nothing new is installed from it */
  refuseWhenExpired(nowMs: number): void {
    const { root, timestamp, targets } = this.#parts;
    refuseExpired(root, nowMs, 'root.json');
    if (timestamp) refuseExpired(timestamp, nowMs, 'timestamp.json');
    if (targets) refuseExpired(targets, nowMs, 'targets.json');
  }
}

/** The name of a package on the signed list. */
export function targetPath({ name, version }: Pick<NamedModel, 'name' | 'version'>): string {
  return `${name}/${version}/manifest.json`;
}
