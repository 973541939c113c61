/**
 * Signed metadata in the data model of The Update Framework (TUF 1.0): read under limits, signed, and checked against
 * the keys and thresholds of a root. What writes it stands in new-metadata.ts; no other file imports @tufjs/models.
 */
import { type Key, Metadata, type Root, type Snapshot, type Targets, type Timestamp } from '@tufjs/models';
import { z } from 'zod';
import { type CodedError, protocolError } from './errors.ts';
import { type PublicKey, publicKeyFromHex } from './keys.ts';
import { LIMITS } from './limits.ts';
import { firstIssues } from './messages.ts';

export const ROLES_OF_TRUST = ['root', 'targets', 'snapshot', 'timestamp'] as const;
export type RoleOfTrust = (typeof ROLES_OF_TRUST)[number];

interface SignedOf {
  root: Root;
  targets: Targets;
  snapshot: Snapshot;
  timestamp: Timestamp;
}
export type MetadataOf<R extends RoleOfTrust> = Metadata<SignedOf[R]>;
type AnyMetadata = MetadataOf<RoleOfTrust>;

const PUBLIC_HEX = /^[0-9a-f]{64}$/;

function atMost(most: number) {
  return z.looseObject({}).refine((value) => Object.keys(value).length <= most, `at most ${most} entries`);
}

/** What the library leaves open: an expiry that is no date would never come, and too many entries take it for ever. */
const outlineSchema = z.looseObject({
  signatures: z
    .array(
      z.looseObject({
        keyid: z.string().regex(/^[0-9a-f]{64}$/),
        sig: z.string().regex(/^[0-9a-f]{128}$/),
      }),
    )
    .max(LIMITS.metadataSignatures),
  signed: z.looseObject({
    version: z.int().min(1),
    expires: z.iso.datetime(),
    keys: atMost(LIMITS.metadataSignatures * ROLES_OF_TRUST.length).optional(),
    roles: atMost(ROLES_OF_TRUST.length).optional(),
    meta: atMost(1).optional(),
    targets: atMost(LIMITS.metadataTargets).optional(),
    delegations: z.never('delegations are not used here').optional(),
  }),
});

/**
 * Reads one file; says nothing about its signatures yet.
 * @param what names it in the error's words, for example `3.root.json`
 * @throws CodedError TRUST_TOO_LARGE, TRUST_MALFORMED
 */
export function parseMetadata<R extends RoleOfTrust>(
  role: R,
  bytes: Uint8Array,
  what: string,
): MetadataOf<R> {
  if (bytes.byteLength > LIMITS.metadataBytes) {
    throw protocolError(
      'TRUST_TOO_LARGE',
      `${what} has ${bytes.byteLength} bytes, limit ${LIMITS.metadataBytes}`,
    );
  }
  try {
    const outline = outlineSchema.safeParse(JSON.parse(Buffer.from(bytes).toString('utf8')));
    if (!outline.success) throw new TypeError(firstIssues(outline.error));
    // The library checks the role's own fields; its overloads know one kind at a time.
    const parse = Metadata.fromJSON as unknown as (kind: R, data: unknown) => MetadataOf<R>;
    return parse.call(Metadata, role, outline.data);
  } catch (cause) {
    throw protocolError('TRUST_MALFORMED', `${what} is no ${role} metadata: ${String(cause).slice(0, 300)}`, {
      cause,
    });
  }
}

/**
 * Checks that enough of the role's keys signed; a key counts once, under however many ids it stands in the root.
 * @throws CodedError TRUST_WRONG_ROLE (only strangers signed), TRUST_SIGNATURE_INVALID (a key of the role did, but these
 * are not the bytes), TRUST_THRESHOLD (too few)
 */
export function checkSignatures(root: Root, role: RoleOfTrust, metadata: AnyMetadata, what: string): void {
  const { keyIDs = [], threshold = 1 } = root.roles[role] ?? {};
  const good = new Set<string>();
  let bad = 0;
  for (const id of keyIDs) {
    const key = root.keys[id];
    const publicHex = key && ed25519HexOf(key);
    if (!key || !publicHex || !metadata.signatures[id]) continue;
    if (isSignedBy(metadata, key)) good.add(publicHex);
    else bad += 1;
  }
  if (good.size >= threshold) return;
  throw tooFewSignatures(what, role, { good: good.size, bad, threshold });
}

/** Lower-case hex, one spelling a key; undefined for any other kind of key. */
function ed25519HexOf(key: Key): string | undefined {
  const publicHex = key.keyVal.public ?? '';
  return key.scheme === 'ed25519' && PUBLIC_HEX.test(publicHex) ? publicHex : undefined;
}

function isSignedBy(metadata: AnyMetadata, key: Key): boolean {
  try {
    key.verifySignature(metadata);
    return true;
  } catch {
    return false;
  }
}

function tooFewSignatures(
  what: string,
  role: RoleOfTrust,
  { good, bad, threshold }: { good: number; bad: number; threshold: number },
): CodedError {
  if (bad > 0) {
    return protocolError('TRUST_SIGNATURE_INVALID', `${what} was changed after it was signed`, {
      hint: 'Sign it again where its key is kept: andon sign.',
    });
  }
  if (good > 0) {
    return protocolError('TRUST_THRESHOLD', `${what} has ${good} of ${threshold} ${role} signatures`, {
      hint: 'Let another holder of such a key sign it too: andon sign.',
    });
  }
  return protocolError('TRUST_WRONG_ROLE', `${what} is not signed by any ${role} key of the root`, {
    hint: 'Sign it with a key of that role, or give that key the role: andon keys rotate.',
  });
}

/** The Ed25519 keys that a root gives to a role. */
export function keysOfRole(root: Root, role: RoleOfTrust): PublicKey[] {
  const ids = root.roles[role]?.keyIDs ?? [];
  return ids.flatMap((id) => {
    const key = root.keys[id];
    const publicHex = key && ed25519HexOf(key);
    return publicHex ? [publicKeyFromHex(publicHex)] : [];
  });
}
