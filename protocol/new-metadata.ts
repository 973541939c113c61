/** Writes signed metadata: what `andon keys`, `andon sign` and the server issue. Times are in whole seconds, as TUF has them. */
import { Metadata, MetaFile, Root, Signature, Snapshot, TargetFile, Targets, Timestamp } from '@tufjs/models';
import { publicKeyFromHex, type SigningKey, sha256Hex, signBytes } from './keys.ts';
import { type MetadataOf, ROLES_OF_TRUST, type RoleOfTrust } from './metadata.ts';

/** The version of TUF whose data model this is. */
const SPEC_VERSION = '1.0.31';

export interface RoleKeys {
  /** Raw Ed25519 public keys, 64 hex digits each. */
  readonly publicKeys: readonly string[];
  /** How many of them must sign. */
  readonly threshold: number;
}

/** A file that another one names by its version and bytes. */
export interface NamedFile {
  readonly version: number;
  readonly bytes: Buffer;
}

export function newRoot(
  version: number,
  expiresMs: number,
  roles: Readonly<Record<RoleOfTrust, RoleKeys>>,
): MetadataOf<'root'> {
  const idOf = (publicHex: string) => publicKeyFromHex(publicHex).keyId;
  const keys = ROLES_OF_TRUST.flatMap((role) => roles[role].publicKeys).map((publicHex) => [
    idOf(publicHex),
    { keytype: 'ed25519', scheme: 'ed25519', keyval: { public: publicHex } },
  ]);
  const entries = ROLES_OF_TRUST.map((role) => {
    const { publicKeys, threshold } = roles[role];
    return [role, { keyids: publicKeys.map(idOf), threshold }];
  });
  return new Metadata(
    Root.fromJSON({
      _type: 'root',
      spec_version: SPEC_VERSION,
      version,
      expires: isoSeconds(expiresMs),
      consistent_snapshot: false,
      keys: Object.fromEntries(keys),
      roles: Object.fromEntries(entries),
    }),
  );
}

/** The list of what may run. @param manifests target path -> size and sha256 of that package's manifest.json */
export function newTargets(
  version: number,
  expiresMs: number,
  manifests: ReadonlyMap<string, { readonly length: number; readonly sha256: string }>,
): MetadataOf<'targets'> {
  const targets = [...manifests].map(([path, { length, sha256 }]) => [
    path,
    new TargetFile({ path, length, hashes: { sha256 } }),
  ]);
  return new Metadata(new Targets({ ...common(version, expiresMs), targets: Object.fromEntries(targets) }));
}

export function newSnapshot(version: number, expiresMs: number, targets: NamedFile): MetadataOf<'snapshot'> {
  const meta = { 'targets.json': metaFile(targets) };
  return new Metadata(new Snapshot({ ...common(version, expiresMs), meta }));
}

export function newTimestamp(
  version: number,
  expiresMs: number,
  snapshot: NamedFile,
): MetadataOf<'timestamp'> {
  return new Metadata(new Timestamp({ ...common(version, expiresMs), snapshotMeta: metaFile(snapshot) }));
}

/** Adds or renews `key`'s signature. */
export function signMetadata(metadata: MetadataOf<RoleOfTrust>, key: SigningKey): void {
  metadata.sign((canonical) => new Signature({ keyID: key.keyId, sig: signBytes(key, canonical) }));
}

export function metadataBytes(metadata: MetadataOf<RoleOfTrust>): Buffer {
  return Buffer.from(`${JSON.stringify(metadata.toJSON(), null, 1)}\n`);
}

function common(version: number, expiresMs: number) {
  return { version, specVersion: SPEC_VERSION, expires: isoSeconds(expiresMs) };
}

function metaFile({ version, bytes }: NamedFile): MetaFile {
  return new MetaFile({ version, length: bytes.length, hashes: { sha256: sha256Hex(bytes) } });
}

function isoSeconds(ms: number): string {
  return new Date(ms).toISOString().replace(/\.\d{3}Z$/, 'Z');
}
