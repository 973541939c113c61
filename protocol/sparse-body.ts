/** The body of a batch with gaps between its records: beside them stands how many right before each were dropped. */
import { z } from 'zod';
import { protocolError } from './errors.ts';
import { decodeInts, encodeInts, intColumnSchema } from './int-column.ts';
import { malformed } from './messages.ts';

const sparseSchema = z.tuple([intColumnSchema, z.unknown()]);

interface Placed {
  /** Of each record. */
  readonly seqs: readonly number[];
  readonly rows: unknown;
}

interface Span {
  readonly firstSeq: number;
  readonly lastSeq: number;
  readonly count: number;
}

/** @param rows of the records, in rows or columns @returns [skips, rows] */
export function withSkips(records: readonly { readonly seq: number }[], rows: unknown): unknown[] {
  const skips = records.map(({ seq }, i) => seq - 1 - (records[i - 1]?.seq ?? seq - 1));
  return [encodeInts(skips), rows];
}

/** @throws CodedError PAYLOAD_MALFORMED where the gaps do not lead from the first seq to the last */
export function withoutSkips(body: unknown, { firstSeq, lastSeq, count }: Span): Placed {
  const parsed = sparseSchema.safeParse(body);
  if (!parsed.success) throw malformed('batch with gaps', parsed.error);
  const [column, rows] = parsed.data;
  let seq = firstSeq - 1;
  const seqs = Array.from(decodeInts(column, count), (skip) => {
    seq += skip < 0 ? Number.NaN : 1 + skip;
    return seq;
  });
  if (seqs[0] !== firstSeq || seq !== lastSeq) {
    throw protocolError('PAYLOAD_MALFORMED', `the gaps do not lead from ${firstSeq} to ${lastSeq}`);
  }
  return { seqs, rows };
}

/** A body without gaps is the rows alone. */
export function consecutive(rows: unknown, { firstSeq, count }: Span): Placed {
  return { seqs: Array.from({ length: count }, (_, i) => firstSeq + i), rows };
}
