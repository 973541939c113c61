/** Whether a store is whole: its pages, the values and numbers of its records, and what is missing of them. */
import type { Sqlite } from '../../agent/store/database.ts';
import { refuseUnsound, takenSql } from '../../agent/store/sound-rows.ts';
import { isCorrupt } from '../../agent/store/store-error.ts';
import { STREAMS, type Stream } from '../../protocol/records.ts';

export interface StreamVerdict {
  readonly stream: Stream;
  readonly records: number;
  /** Of them, as many do not hold what was written. */
  readonly altered: number;
  /** First and last seq that are there; null when there are none. */
  readonly first: number | null;
  readonly last: number | null;
  /** A server has the stream up to here. */
  readonly settled: number;
  /** Records that are not there and that no server has. */
  readonly missing: number;
  /** Of those, as many as the device has counted: dropped for want of room, or lost with a damaged page. */
  readonly counted: number;
  /** The first places where seqs are missing, both ends included. */
  readonly gaps: readonly { readonly from: number; readonly to: number }[];
}

export interface StoreVerdict {
  readonly epoch: string;
  /** What SQLite says of the pages; empty: all is well. */
  readonly damage: readonly string[];
  /** Those that can be read to their end. */
  readonly streams: readonly StreamVerdict[];
  readonly sound: boolean;
}

const MOST_GAPS = 20;
const MOST_DAMAGES = 20;

export function verifyStore(sqlite: Sqlite): StoreVerdict {
  const damage = damageOf(sqlite);
  const readable = <T>(what: string, read: () => T, otherwise: T): T => {
    try {
      return read();
    } catch (cause) {
      damage.push(`${what}: ${cause instanceof Error ? cause.message : String(cause)}`);
      return otherwise;
    }
  };
  const epochs = sqlite.prepare<[], string>("SELECT value FROM meta WHERE key = 'epoch'").pluck();
  const epoch = readable('the epoch', () => epochs.get() ?? '', '');
  readable('what the records rest on', () => refuseUnsound(sqlite), undefined);
  const streams = STREAMS.flatMap((stream) => readable(stream, () => [verifyStream(sqlite, stream)], []));
  const sound =
    damage.length === 0 &&
    streams.every(({ altered, missing, counted }) => altered === 0 && missing <= counted);
  return { epoch, damage, streams, sound };
}

/** A page that is no page at all ends the check with an error of its own. */
function damageOf(sqlite: Sqlite): string[] {
  try {
    const found = sqlite.pragma(`integrity_check(${MOST_DAMAGES})`) as { integrity_check: string }[];
    return found.map((row) => row.integrity_check).filter((words) => words !== 'ok');
  } catch (cause) {
    if (!isCorrupt(cause)) throw cause;
    return [cause instanceof Error ? cause.message : String(cause)];
  }
}

function verifyStream(sqlite: Sqlite, stream: Stream): StreamVerdict {
  const place = sqlite
    .prepare<[Stream], [number, number]>('SELECT max(acked, floor), dropped FROM streams WHERE stream = ?')
    .raw()
    .get(stream);
  const [settled, counted] = place ?? [0, 0];
  const head = sqlite
    .prepare<[string], string>('SELECT value FROM meta WHERE key = ?')
    .pluck()
    .get(`head/${stream}`);
  const rows = sqlite
    .prepare<[], [seq: number, isTaken: 0 | 1]>(
      `SELECT seq, ${takenSql(sqlite, stream)} FROM ${stream} ORDER BY seq`,
    )
    .raw();
  const gaps: { from: number; to: number }[] = [];
  let [records, altered, missing] = [0, 0, 0];
  let [first, last] = [null as number | null, null as number | null];
  const miss = (from: number, to: number) => {
    if (to < from) return;
    missing += Math.max(0, to - Math.max(from - 1, settled));
    if (gaps.length < MOST_GAPS) gaps.push({ from, to });
  };
  for (const [seq, isTaken] of rows.iterate()) {
    // What came before the first one kept has been at the server, or was dropped and counted.
    if (last === null) miss(settled + 1, seq - 1);
    else miss(last + 1, seq - 1);
    records += 1;
    altered += 1 - isTaken;
    first ??= seq;
    last = seq;
  }
  miss(Math.max(last ?? 0, settled) + 1, Number(head ?? 0));
  return { stream, records, altered, first, last, settled, missing, counted, gaps };
}
