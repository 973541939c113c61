/** A store with records, some of them at a server; then damaged while nobody looks, opened again, and sent on. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import BetterSqlite from 'better-sqlite3';
import { onTestFinished } from 'vitest';
import type { Store } from '../../../agent/store/store.ts';
import { isCorrupt } from '../../../agent/store/store-error.ts';
import { encodeBatch } from '../../../protocol/batch.ts';
import {
  closeStore,
  NOW_MS,
  newPrediction,
  openTempStore,
  record,
  tempFolder,
} from '../../agent/store/temp-store.ts';
import {
  birth,
  ingestOver,
  type TestIngest,
  temporaryFolder,
  temporaryStore,
} from '../../sync-server/support.ts';

/** The last of them is recorded after the damage. */
export const PARTS = 2000;
/** The device knows of these acknowledgements; the server has given some more, as when the power went right after. */
const ACKED = 700;
const AT_SERVER = 1000;
const TOGETHER = 20;
const BATCH = 500;
const MOST_OPENINGS = 3;

export interface Flipped {
  readonly atServer: number;
  readonly doubled: number;
  /** Parts that are nowhere and that no counter tells of. */
  readonly lost: number;
  readonly counted: number;
  /** Records whose values are other ones than were written. */
  readonly altered: number;
  readonly noticed: number;
  /** Rows that were left out because they did not hold what was written. */
  readonly unreadable: number;
}

export class FlipScene {
  readonly #ingest: TestIngest;
  readonly #server: BetterSqlite.Database;
  #devices = 0;

  constructor() {
    const folder = temporaryFolder();
    this.#ingest = ingestOver(temporaryStore(folder));
    this.#server = new BetterSqlite(join(folder, 'server.db'), { readonly: true });
    onTestFinished(() => void this.#server.close());
  }

  /** @param left the last run ended well, or was killed: then its write-ahead log is still there */
  async play(left: 'closed' | 'killed', damage: (folder: string) => void): Promise<Flipped> {
    this.#devices += 1;
    const device = `hit-${this.#devices}`;
    const folder = tempFolder();
    const first = openTempStore({ folder }).store;
    await recordParts(first);
    this.#send(device, first, AT_SERVER);
    first.streams.ack('predictions', ACKED);
    // The cursor is saved with the next commit.
    await first.recorder.metrics([{ timeMs: NOW_MS, name: 'm', slot: null, value: 1 }]);
    const killed = filesOf(folder);
    await closeStore(first);
    // In place, or the store would take it for a restored copy.
    if (left === 'killed') for (const [file, bytes] of killed) writeFileSync(file, bytes);
    damage(folder);

    const { counted, noticed, unreadable } = await this.#goOn(device, folder);
    const { atServer, doubled, altered, gaps } = this.#found(device);
    const missing = PARTS - atServer;
    const told = Math.max(counted, gaps);
    return {
      ...{ atServer, doubled, altered, noticed, unreadable },
      lost: Math.max(0, missing - told),
      counted: Math.min(missing, told),
    };
  }

  /** As the agent does: when damage shows while the store is open, it is opened again. */
  async #goOn(device: string, folder: string): Promise<Pick<Flipped, 'counted' | 'noticed' | 'unreadable'>> {
    for (let noticed = 0, unreadable = 0; ; ) {
      const { store, counters } = openTempStore({ folder });
      noticed += counters.get('STORE_CORRUPT');
      try {
        this.#send(device, store, Number.POSITIVE_INFINITY);
        if (store.streams.head('predictions') < PARTS) await record(store, [newPrediction(partOf(PARTS))]);
        this.#send(device, store, Number.POSITIVE_INFINITY);
        unreadable += counters.get('STORE_ROW_UNREADABLE');
        return { counted: store.droppedUnacked(), noticed, unreadable };
      } catch (error) {
        if (!isCorrupt(error) || noticed > MOST_OPENINGS) throw error;
      } finally {
        await closeStore(store);
      }
    }
  }

  #send(device: string, store: Store, upTo: number): void {
    const said = { ...JSON.parse(birth(device, store.epoch)), inherits: store.inherits };
    this.#ingest.receive(`andon/v1/${device}/birth`, JSON.stringify(said));
    for (let after = store.streams.acked('predictions'); ; ) {
      const { records, gapBefore } = store.streams.read('predictions', after, BATCH);
      const sent = records.filter(({ seq }) => seq <= upTo);
      const last = sent.at(-1);
      if (!last) return;
      this.#ingest.send(device, 'predictions', encodeBatch('predictions', store.epoch, sent, gapBefore));
      after = last.seq;
    }
  }

  /** `gaps`: records that the device told the server it has no more. */
  #found(device: string): { atServer: number; doubled: number; altered: number; gaps: number } {
    const rows = this.#server
      .prepare<[string], [seq: number, timeMs: number, part: string, label: number, score: number]>(
        `SELECT seq, time_ms, correlation_id, label, score FROM predictions
         WHERE epoch_id IN (SELECT id FROM epochs WHERE device = ?)`,
      )
      .raw()
      .all(device);
    const seqs = new Set(rows.map(([seq]) => seq));
    const altered = rows.filter(([seq, timeMs, part, label, score]) => {
      const made = partOf(seq);
      const isSame =
        made.timeMs === timeMs && made.correlationId === part && made.label === label && made.score === score;
      return !isSame;
    });
    const gaps = this.#server
      .prepare<[string], number | null>(
        `SELECT sum(dropped) FROM cursors WHERE stream = 'predictions'
         AND epoch_id IN (SELECT id FROM epochs WHERE device = ?)`,
      )
      .pluck();
    return {
      ...{ atServer: seqs.size, doubled: rows.length - seqs.size, altered: altered.length },
      gaps: gaps.get(device) ?? 0,
    };
  }
}

async function recordParts(store: Store): Promise<void> {
  for (let seq = 1; seq < PARTS; seq += TOGETHER) {
    const count = Math.min(TOGETHER, PARTS - seq);
    await record(
      store,
      Array.from({ length: count }, (_, i) => newPrediction(partOf(seq + i))),
    );
  }
}

function partOf(seq: number) {
  return { correlationId: `L${seq}`, timeMs: NOW_MS + seq, label: seq % 7, score: seq / 4096 };
}

function filesOf(folder: string): [string, Buffer][] {
  return readdirSync(folder).map((name) => [join(folder, name), readFileSync(join(folder, name))]);
}
