/**
 * A model package with its signed metadata as one file, `<name>.andon`, for devices without a network: by stick, by upload.
 *
 * Layout: the 8 bytes `ANDON\0pk`, version u8 (1), three reserved bytes, inflatedBytes u32 little-endian, then the body: a
 * raw deflate of msgpack `{ metadata: {name: bytes}, files: {path: bytes} }`, names in order, so that the same input gives
 * the same bytes.
 */
import { deflateRawSync, inflateRawSync } from 'node:zlib';
import { decode, encode } from '@msgpack/msgpack';
import { z } from 'zod';
import { protocolError } from './errors.ts';
import { LIMITS } from './limits.ts';
import { malformed } from './messages.ts';
import { isSafePath } from './package-index.ts';
import type { MetadataFiles } from './signed-file.ts';

const MAGIC = Buffer.from('ANDON\0pk', 'latin1');
const VERSION = 1;
const HEADER_BYTES = 16;

export interface Bundle {
  /** `<n>.root.json`, `targets.json`, `snapshot.json`, `timestamp.json`. */
  readonly metadata: MetadataFiles;
  /** path -> bytes of the whole package. */
  readonly files: ReadonlyMap<string, Buffer>;
}

const bytes = z.custom<Uint8Array>((value) => value instanceof Uint8Array, 'bytes');
const bundleSchema = z.object({
  metadata: z.record(z.string().regex(/^[a-z0-9.]{1,32}$/), bytes),
  files: z.record(z.string().refine(isSafePath, 'a relative path inside the package'), bytes),
});

/** @throws CodedError PACKAGE_TOO_LARGE */
export function encodeBundle({ metadata, files }: Bundle): Buffer {
  const inOrder = (map: ReadonlyMap<string, Buffer>) =>
    Object.fromEntries([...map].sort(([a], [b]) => (a < b ? -1 : 1)));
  const body = Buffer.from(encode({ metadata: inOrder(metadata), files: inOrder(files) }));
  if (body.length > LIMITS.bundleBytes) throw tooLarge(body.length);
  const header = Buffer.alloc(HEADER_BYTES);
  MAGIC.copy(header);
  header.writeUInt8(VERSION, MAGIC.length);
  header.writeUInt32LE(body.length, HEADER_BYTES - 4);
  return Buffer.concat([header, deflateRawSync(body, { level: 9 })]);
}

/**
 * Reads a bundle under the limits of its parts. That it may be installed is for its metadata to prove.
 * @throws CodedError PACKAGE_TOO_LARGE, PAYLOAD_TRUNCATED, PAYLOAD_MALFORMED, PAYLOAD_VERSION_UNKNOWN, PAYLOAD_EXPANDS_TOO_FAR
 */
export function decodeBundle(file: Buffer): Bundle {
  if (file.length > LIMITS.bundleBytes) throw tooLarge(file.length);
  if (file.length < HEADER_BYTES) throw protocolError('PAYLOAD_TRUNCATED', `bundle of ${file.length} bytes`);
  if (!file.subarray(0, MAGIC.length).equals(MAGIC)) {
    throw protocolError('PAYLOAD_MALFORMED', 'this file is no Andon bundle', {
      hint: 'Make one with: andon bundle <package-folder> -o model.andon.',
    });
  }
  const version = file.readUInt8(MAGIC.length);
  if (version !== VERSION) {
    throw protocolError('PAYLOAD_VERSION_UNKNOWN', `bundle version ${version}, known is ${VERSION}`, {
      hint: 'Update the agent, or make the bundle with an older andon.',
    });
  }
  const parsed = bundleSchema.safeParse(decodeBody(inflate(file)));
  if (!parsed.success) throw malformed('bundle', parsed.error);
  return { metadata: asBuffers(parsed.data.metadata), files: asBuffers(parsed.data.files) };
}

function inflate(file: Buffer): Buffer {
  const claimed = file.readUInt32LE(HEADER_BYTES - 4);
  if (claimed > LIMITS.bundleBytes) {
    throw protocolError('PAYLOAD_EXPANDS_TOO_FAR', `bundle claims ${claimed} bytes inflated`);
  }
  let body: Buffer;
  try {
    body = inflateRawSync(file.subarray(HEADER_BYTES), { maxOutputLength: Math.max(1, claimed) });
  } catch (cause) {
    throw protocolError('PAYLOAD_MALFORMED', 'the bundle does not inflate: it was cut or damaged', {
      hint: 'Copy it again, and take the stick out only when the system says so.',
      cause,
    });
  }
  if (body.length === claimed) return body;
  throw protocolError('PAYLOAD_TRUNCATED', `bundle has ${body.length} of ${claimed} bytes`);
}

function decodeBody(body: Buffer): unknown {
  try {
    return decode(body, {
      maxMapLength: Math.max(LIMITS.packageFiles, LIMITS.metadataFiles),
      maxStrLength: 200,
      maxBinLength: LIMITS.packageBytes,
      maxArrayLength: 0,
      maxExtLength: 0,
    });
  } catch (cause) {
    throw protocolError('PAYLOAD_MALFORMED', 'the body of the bundle is no msgpack', { cause });
  }
}

/** Copies, because views would hold the whole body in memory for as long as one file is needed. */
function asBuffers(files: Readonly<Record<string, Uint8Array>>): Map<string, Buffer> {
  return new Map(Object.entries(files).map(([name, content]) => [name, Buffer.from(content)]));
}

function tooLarge(sizeBytes: number): Error {
  return protocolError('PACKAGE_TOO_LARGE', `bundle of ${sizeBytes} bytes, limit ${LIMITS.bundleBytes}`);
}
