/**
 * A batch: records of one stream in their order, as they travel on `{device}/up/{stream}`.
 *
 * Layout, little-endian: magic u8 (0xA7), version u8, stream u8 (index in STREAMS), reserved u8,
 * storeEpoch 8 bytes, firstSeq u64, gapBefore u64, count u32, inflatedBytes u32, then the body (raw deflate of msgpack).
 * Predictions travel as columns (prediction-columns.ts), the other streams as rows without their `seq`.
 *
 * Version 1 holds consecutive records. Version 2 has gaps between them, as thinning leaves: behind the header stands
 * span u32 (lastSeq - firstSeq + 1), and its body is [skips, body of version 1]: how many records right before each
 * one were dropped. Only a server that said it takes them (`sparse` in its acknowledgements) is sent version 2.
 */
import { deflateRawSync, inflateRawSync } from 'node:zlib';
import { decode, encode } from '@msgpack/msgpack';
import { z } from 'zod';
import { protocolError } from './errors.ts';
import { LIMITS } from './limits.ts';
import { malformed } from './messages.ts';
import { countContainers } from './msgpack-walk.ts';
import { decodePredictionColumns, encodePredictionColumns } from './prediction-columns.ts';
import { type RecordOf, recordSchemas, STREAMS, type Stream } from './records.ts';

const MAGIC = 0xa7;
const VERSION = { consecutive: 1, sparse: 2 } as const;
const HEADER_BYTES = 36;
const SPARSE_HEADER_BYTES = 40;
/** Arrays and maps in a body: a row has two, and a later version may add some. */
const MAX_CONTAINERS = 4 * LIMITS.batchRecords;

const sparseSchema = z.tuple([z.array(z.int().min(0)).max(LIMITS.batchRecords), z.unknown()]);

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
 * Encodes records in ascending order of seq; without gaps between them as version 1, with gaps as version 2.
 * @throws CodedError PAYLOAD_TOO_LARGE when the result would not fit in one message: send fewer records.
 */
export function encodeBatch<S extends Stream>(
  stream: S,
  storeEpoch: string,
  records: readonly RecordOf[S][],
  gapBefore = 0,
): Buffer {
  const first = records[0];
  if (!first) throw new RangeError('a batch needs at least one record');
  const span = (records.at(-1)?.seq ?? first.seq) - first.seq + 1;
  const sparse = span > records.length;
  const rows = stream === 'predictions' ? encodePredictionColumns(records as never) : rowsOf(records);
  const body = Buffer.from(encode(sparse ? [skipsOf(records), rows] : rows));
  const deflated = deflateRawSync(body, { level: 1 });
  const headerBytes = sparse ? SPARSE_HEADER_BYTES : HEADER_BYTES;
  const out = Buffer.alloc(headerBytes + deflated.length);
  out.writeUInt8(MAGIC, 0);
  out.writeUInt8(sparse ? VERSION.sparse : VERSION.consecutive, 1);
  out.writeUInt8(STREAMS.indexOf(stream), 2);
  out.write(storeEpoch, 4, 8, 'hex');
  out.writeBigUInt64LE(BigInt(first.seq), 12);
  out.writeBigUInt64LE(BigInt(gapBefore), 20);
  out.writeUInt32LE(records.length, 28);
  out.writeUInt32LE(body.length, 32);
  if (sparse) out.writeUInt32LE(span, HEADER_BYTES);
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
  const version = bytes.readUInt8(1);
  if (version !== VERSION.consecutive && version !== VERSION.sparse) {
    throw protocolError('PAYLOAD_VERSION_UNKNOWN', `batch version ${version}, known are 1 and 2`, {
      hint: 'Update the server before the devices.',
    });
  }
  if (bytes.length < headerBytesOf(bytes)) {
    throw protocolError('PAYLOAD_TRUNCATED', `batch of ${bytes.length} bytes`);
  }
  const stream = STREAMS[bytes.readUInt8(2)];
  const firstSeq = bytes.readBigUInt64LE(12);
  const gapBefore = bytes.readBigUInt64LE(20);
  const count = bytes.readUInt32LE(28);
  const span = version === VERSION.sparse ? bytes.readUInt32LE(HEADER_BYTES) : count;
  if (!stream) throw protocolError('PAYLOAD_MALFORMED', `batch of unknown stream ${bytes.readUInt8(2)}`);
  if (count < 1 || count > LIMITS.batchRecords)
    throw protocolError('PAYLOAD_MALFORMED', `batch of ${count} records`);
  if (span < count) throw protocolError('PAYLOAD_MALFORMED', `batch of ${count} records within ${span}`);
  if (firstSeq < 1n || firstSeq + BigInt(span) > BigInt(Number.MAX_SAFE_INTEGER) || gapBefore >= firstSeq) {
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
    lastSeq: Number(firstSeq) + span - 1,
  };
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
  const { seqs, rows } = placed(value, header);
  if (header.stream === 'predictions') return { ...header, records: decodePredictionColumns(rows, seqs) };
  return { ...header, records: decodeRows(header.stream, rows, seqs) };
}

export function isBatchOf<S extends Stream>(batch: Batch, stream: S): batch is Batch<S> {
  return batch.stream === stream;
}

function inflate(bytes: Buffer): Buffer {
  const claimed = bytes.readUInt32LE(32);
  let body: Buffer;
  try {
    body = inflateRawSync(bytes.subarray(headerBytesOf(bytes)), { maxOutputLength: Math.max(1, claimed) });
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

function headerBytesOf(bytes: Buffer): number {
  return bytes.readUInt8(1) === VERSION.sparse ? SPARSE_HEADER_BYTES : HEADER_BYTES;
}

/** How many seqs each record skips. */
function skipsOf(records: readonly { seq: number }[]): number[] {
  return records.map(({ seq }, i) => seq - 1 - (records[i - 1]?.seq ?? seq - 1));
}

/** The seq of each record, and the body as version 1 has it. */
function placed(
  value: unknown,
  { firstSeq, lastSeq, count }: BatchHeader,
): { seqs: number[]; rows: unknown } {
  const span = lastSeq - firstSeq + 1;
  if (span === count) return { seqs: Array.from({ length: count }, (_, i) => firstSeq + i), rows: value };
  const parsed = sparseSchema.safeParse(value);
  if (!parsed.success) throw malformed('sparse batch', parsed.error);
  const [skips, rows] = parsed.data;
  let seq = firstSeq - 1;
  const seqs = skips.map((skip) => (seq += 1 + skip));
  if (seqs.length !== count || seqs[0] !== firstSeq || seq !== lastSeq) {
    throw protocolError(
      'PAYLOAD_MALFORMED',
      `skips do not lead from ${firstSeq} to ${lastSeq} in ${count} steps`,
    );
  }
  return { seqs, rows };
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
