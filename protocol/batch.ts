/**
 * A batch: records of one stream in their order, as they travel on `{device}/up/{stream}`.
 *
 * Layout, little-endian: magic u8 (0xA7), version u8, stream u8 (index in STREAMS), reserved u8,
 * storeEpoch 8 bytes, firstSeq u64, gapBefore u64, count u32, inflatedBytes u32, then the body (raw deflate of msgpack).
 * Predictions travel as columns (prediction-columns.ts), the other streams as rows without their `seq`, all of them
 * consecutive: version 2. Of version 1, which is read too, are other columns, and deflate has no dictionary.
 *
 * Records with gaps between them, as thinning leaves, have bit 7 of the version set: the header ends with lastSeq u64, and the
 * body is [skips, columns or rows]: how many records right before each one were dropped, as a column of integers.
 */
import { deflateRawSync, inflateRawSync } from 'node:zlib';
import { decode, encode } from '@msgpack/msgpack';
import { BATCH_DICTIONARY } from './batch-dictionary.ts';
import { protocolError } from './errors.ts';
import { LIMITS } from './limits.ts';
import { malformed } from './messages.ts';
import { countContainers } from './msgpack-walk.ts';
import { encodePredictionColumns, readColumns } from './prediction-columns.ts';
import { readColumnsV1 } from './prediction-columns-v1.ts';
import { predictionsOf } from './prediction-rows.ts';
import { type RecordOf, recordSchemas, STREAMS, type Stream } from './records.ts';
import { consecutive, withoutSkips, withSkips } from './sparse-body.ts';

const MAGIC = 0xa7;
/** What this code writes; it reads any from 1 on. */
const VERSION = 2;
const WITH_GAPS = 0x80;
const HEADER_BYTES = 36;
const SPARSE_HEADER_BYTES = 44;
/** Arrays and maps in a body: a row has two, and a later version may add some. */
const MAX_CONTAINERS = 4 * LIMITS.batchRecords;

export interface BatchHeader {
  readonly stream: Stream;
  /** 16 hex digits. */
  readonly storeEpoch: string;
  readonly firstSeq: number;
  /** How many records right before `firstSeq` the device dropped on purpose (retention); they will never come. */
  readonly gapBefore: number;
  readonly count: number;
  readonly lastSeq: number;
}

export interface Batch<S extends Stream = Stream> extends BatchHeader {
  readonly stream: S;
  readonly records: readonly RecordOf[S][];
}

/**
 * Encodes records in ascending order of seq.
 * @throws CodedError PAYLOAD_TOO_LARGE when the result would not fit in one message: send fewer records.
 */
export function encodeBatch<S extends Stream>(
  stream: S,
  storeEpoch: string,
  records: readonly RecordOf[S][],
  gapBefore = 0,
): Buffer {
  const first = records[0];
  const last = records.at(-1);
  if (!first || !last) throw new RangeError('a batch needs at least one record');
  const sparse = last.seq - first.seq >= records.length;
  const rows = stream === 'predictions' ? encodePredictionColumns(records as never) : rowsOf(records);
  const body = Buffer.from(encode(sparse ? withSkips(records, rows) : rows));
  const deflated = deflateRawSync(body, { level: 1, dictionary: BATCH_DICTIONARY });
  const headerBytes = sparse ? SPARSE_HEADER_BYTES : HEADER_BYTES;
  const out = Buffer.alloc(headerBytes + deflated.length);
  out.writeUInt8(MAGIC, 0);
  out.writeUInt8(VERSION | (sparse ? WITH_GAPS : 0), 1);
  out.writeUInt8(STREAMS.indexOf(stream), 2);
  out.write(storeEpoch, 4, 8, 'hex');
  out.writeBigUInt64LE(BigInt(first.seq), 12);
  out.writeBigUInt64LE(BigInt(gapBefore), 20);
  out.writeUInt32LE(records.length, 28);
  out.writeUInt32LE(body.length, 32);
  if (sparse) out.writeBigUInt64LE(BigInt(last.seq), HEADER_BYTES);
  deflated.copy(out, headerBytes);
  if (
    out.length > LIMITS.messageBytes ||
    records.length > LIMITS.batchRecords ||
    body.length > LIMITS.batchInflatedBytes
  ) {
    throw protocolError(
      'PAYLOAD_TOO_LARGE',
      `a batch of ${records.length} ${stream} has ${out.length} bytes`,
    );
  }
  return out;
}

/**
 * Reads the header alone, without inflating anything.
 * @throws CodedError PAYLOAD_TOO_LARGE, PAYLOAD_TRUNCATED, PAYLOAD_MALFORMED, PAYLOAD_VERSION_UNKNOWN, PAYLOAD_EXPANDS_TOO_FAR
 */
export function decodeBatchHeader(bytes: Buffer): BatchHeader {
  if (bytes.length > LIMITS.messageBytes)
    throw protocolError('PAYLOAD_TOO_LARGE', `batch of ${bytes.length} bytes`);
  if (bytes.length < HEADER_BYTES) throw protocolError('PAYLOAD_TRUNCATED', `batch of ${bytes.length} bytes`);
  if (bytes.readUInt8(0) !== MAGIC) throw protocolError('PAYLOAD_MALFORMED', 'not a batch: wrong first byte');
  const stream = STREAMS[bytes.readUInt8(2)];
  const firstSeq = bytes.readBigUInt64LE(12);
  const gapBefore = bytes.readBigUInt64LE(20);
  const count = bytes.readUInt32LE(28);
  if (!stream) throw protocolError('PAYLOAD_MALFORMED', `batch of unknown stream ${bytes.readUInt8(2)}`);
  const version = versionOf(bytes);
  if (version < 1 || version > VERSION) {
    throw protocolError('PAYLOAD_VERSION_UNKNOWN', `batch version ${version}, known is ${VERSION}`, {
      hint: 'Update the server before the devices.',
    });
  }
  if (count < 1 || count > LIMITS.batchRecords)
    throw protocolError('PAYLOAD_MALFORMED', `batch of ${count} records`);
  const lastSeq = lastSeqOf(bytes, firstSeq + BigInt(count) - 1n);
  if (firstSeq < 1n || lastSeq >= BigInt(Number.MAX_SAFE_INTEGER) || gapBefore >= firstSeq) {
    throw protocolError('PAYLOAD_MALFORMED', `batch starts at seq ${firstSeq} after a gap of ${gapBefore}`);
  }
  if (bytes.readUInt32LE(32) > LIMITS.batchInflatedBytes) {
    throw protocolError('PAYLOAD_EXPANDS_TOO_FAR', `batch claims ${bytes.readUInt32LE(32)} bytes inflated`);
  }
  return {
    stream,
    storeEpoch: bytes.toString('hex', 4, 12),
    firstSeq: Number(firstSeq),
    gapBefore: Number(gapBefore),
    count,
    lastSeq: Number(lastSeq),
  };
}

/** @throws CodedError PAYLOAD_TRUNCATED, PAYLOAD_MALFORMED */
function lastSeqOf(bytes: Buffer, consecutive: bigint): bigint {
  if (!isSparse(bytes)) return consecutive;
  if (bytes.length < SPARSE_HEADER_BYTES) {
    throw protocolError('PAYLOAD_TRUNCATED', `batch of ${bytes.length} bytes`);
  }
  const lastSeq = bytes.readBigUInt64LE(HEADER_BYTES);
  if (lastSeq <= consecutive)
    throw protocolError('PAYLOAD_MALFORMED', `a batch with gaps ends at ${lastSeq}`);
  return lastSeq;
}

function versionOf(bytes: Buffer): number {
  return bytes.readUInt8(1) & ~WITH_GAPS;
}

function isSparse(bytes: Buffer): boolean {
  return (bytes.readUInt8(1) & WITH_GAPS) !== 0;
}

/**
 * Reads a whole batch under the limits; what its body can grow to in memory is bounded, too.
 * @throws CodedError as `decodeBatchHeader`
 */
export function decodeBatch(bytes: Buffer): Batch {
  const header = decodeBatchHeader(bytes);
  const body = inflate(bytes);
  if (countContainers(body, MAX_CONTAINERS) > MAX_CONTAINERS) {
    throw protocolError(
      'PAYLOAD_EXPANDS_TOO_FAR',
      `batch body has more than ${MAX_CONTAINERS} arrays and maps`,
    );
  }
  let value: unknown;
  try {
    value = decode(body, {
      maxArrayLength: LIMITS.batchRecords,
      maxMapLength: 64,
      // Bytes; the schemas count characters, of which 1024 may have up to three each.
      maxStrLength: 4096,
      maxBinLength: LIMITS.batchInflatedBytes,
      maxExtLength: 0,
    });
  } catch (cause) {
    throw protocolError('PAYLOAD_MALFORMED', 'batch body is not msgpack', { cause });
  }
  const { seqs, rows } = isSparse(bytes) ? withoutSkips(value, header) : consecutive(value, header);
  if (header.stream === 'predictions') {
    const read = versionOf(bytes) === 1 ? readColumnsV1 : readColumns;
    return { ...header, records: predictionsOf(read(rows, header.count), seqs) };
  }
  return { ...header, records: decodeRows(header.stream, rows, seqs) };
}

export function isBatchOf<S extends Stream>(batch: Batch, stream: S): batch is Batch<S> {
  return batch.stream === stream;
}

function inflate(bytes: Buffer): Buffer {
  const claimed = bytes.readUInt32LE(32);
  let body: Buffer;
  try {
    body = inflateRawSync(bytes.subarray(isSparse(bytes) ? SPARSE_HEADER_BYTES : HEADER_BYTES), {
      maxOutputLength: Math.max(1, claimed),
      ...(bytes.readUInt8(1) === 1 ? {} : { dictionary: BATCH_DICTIONARY }),
    });
  } catch (cause) {
    const tooFar = cause instanceof RangeError;
    throw tooFar
      ? protocolError(
          'PAYLOAD_EXPANDS_TOO_FAR',
          `batch inflates to more than the ${claimed} bytes it claims`,
          { cause },
        )
      : protocolError('PAYLOAD_TRUNCATED', 'batch body does not inflate', { cause });
  }
  if (body.length !== claimed) {
    throw protocolError('PAYLOAD_TRUNCATED', `batch inflates to ${body.length} bytes, not ${claimed}`);
  }
  return body;
}

function rowsOf(records: readonly { seq: number }[]): unknown[] {
  return records.map(({ seq: _seq, ...row }) => row);
}

function decodeRows(
  stream: Exclude<Stream, 'predictions'>,
  value: unknown,
  seqs: readonly number[],
): RecordOf[typeof stream][] {
  if (!Array.isArray(value) || value.length !== seqs.length) {
    throw protocolError('PAYLOAD_MALFORMED', `batch of ${stream} is not ${seqs.length} rows`);
  }
  const schema = recordSchemas[stream];
  return value.map((row: unknown, i) => {
    const parsed = schema.safeParse({ ...(row as object), seq: seqs[i] });
    if (!parsed.success) throw malformed(`${stream} row ${i}`, parsed.error);
    return parsed.data;
  });
}
