/**
 * One file of signed metadata that was read and whose signatures were checked, and the rules by which one file follows
 * another: none older, none expired, none but the one that was named. What TrustedSet puts together.
 */
import { type CodedError, protocolError } from './errors.ts';
import { checkSignatures, type MetadataOf, parseMetadata, type RoleOfTrust } from './metadata.ts';

/** Name -> bytes: `3.root.json`, `timestamp.json`, `snapshot.json`, `targets.json`. */
export type MetadataFiles = ReadonlyMap<string, Buffer>;

export interface Read<R extends RoleOfTrust> {
  readonly bytes: Buffer;
  readonly metadata: MetadataOf<R>;
}

export function readRoot(bytes: Buffer): Read<'root'> {
  const metadata = parseMetadata('root', bytes, 'root.json');
  checkSignatures(metadata.signed, 'root', metadata, 'root.json');
  return { bytes, metadata };
}

export function readSigned<R extends RoleOfTrust>(root: Read<'root'>, role: R, bytes: Buffer): Read<R> {
  const metadata = parseMetadata(role, bytes, `${role}.json`);
  checkSignatures(root.metadata.signed, role, metadata, `${role}.json`);
  return { bytes, metadata };
}

export function readOptional<R extends RoleOfTrust>(
  root: Read<'root'>,
  role: R,
  files: MetadataFiles,
): Read<R> | null {
  const bytes = files.get(`${role}.json`);
  return bytes ? readSigned(root, role, bytes) : null;
}

export function stillSigned(root: Read<'root'>, targets: Read<'targets'>): boolean {
  try {
    checkSignatures(root.metadata.signed, 'targets', targets.metadata, 'targets.json');
    return true;
  } catch {
    return false;
  }
}

export function fileOf(files: MetadataFiles, name: string, kept: { readonly bytes: Buffer } | null): Buffer {
  const bytes = files.get(name) ?? kept?.bytes;
  if (bytes) return bytes;
  throw protocolError('TRUST_MIXED', `the metadata have no ${name}`);
}

export function versionOf(read: Read<RoleOfTrust> | null): number | undefined {
  return read?.metadata.signed.version;
}

export function expiryMs(read: Read<RoleOfTrust>): number {
  return Date.parse(read.metadata.signed.expires);
}

export function refuseOlder(before: Read<RoleOfTrust> | null, now: Read<RoleOfTrust>, what: string): void {
  const known = versionOf(before) ?? 0;
  const version = versionOf(now) ?? 0;
  if (version > known || (version === known && before && before.bytes.equals(now.bytes))) return;
  // The same number for other content is a version that changed, which no version does; signatures may be added to it.
  if (version === known && before && sameSigned(before, now)) return;
  throw protocolError('TRUST_ROLLBACK', `${what} has version ${version}, version ${known} was seen already`, {
    hint: 'If the server was set back to a backup, let it issue newer metadata: publish again.',
  });
}

function sameSigned(a: Read<RoleOfTrust>, b: Read<RoleOfTrust>): boolean {
  return JSON.stringify(a.metadata.signed.toJSON()) === JSON.stringify(b.metadata.signed.toJSON());
}

export function refuseExpired(read: Read<RoleOfTrust>, nowMs: number, what: string): void {
  if (nowMs < expiryMs(read)) return;
  throw expired(what, read.metadata.signed.expires);
}

function expired(what: string, when: string): CodedError {
  return protocolError('TRUST_EXPIRED', `${what} ended at ${when}: somebody may be holding newer ones back`, {
    hint: 'Check that the device reaches its server, that the server runs, and the clocks of both.',
  });
}

export function refuseOthers(
  meta: { verify(bytes: Buffer): void },
  bytes: Buffer,
  what: string,
  namedBy: string,
): void {
  try {
    meta.verify(bytes);
  } catch (cause) {
    throw protocolError('TRUST_MIXED', `${what} is not the one that ${namedBy} names`, { cause });
  }
}

export function refuseOtherVersion(
  version: number,
  read: Read<RoleOfTrust>,
  what: string,
  namedBy: string,
): void {
  if (versionOf(read) === version) return;
  throw protocolError('TRUST_MIXED', `${what} has version ${versionOf(read)}, ${namedBy} names ${version}`);
}

export function sameKeys(a: Read<'root'>, b: Read<'root'>, role: RoleOfTrust): boolean {
  const ids = (root: Read<'root'>) => [...(root.metadata.signed.roles[role]?.keyIDs ?? [])].sort().join();
  return ids(a) === ids(b);
}
