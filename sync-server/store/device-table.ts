/** The devices that ever spoke to this server, with what they last said of themselves. */
import type { Birth, Reported } from '../../protocol/messages.ts';
import type { Sqlite, Statement } from './database.ts';

export interface DeviceRow {
  readonly id: string;
  readonly agentVersion: string;
  /** Of the device database in use; empty before the first birth. */
  readonly storeEpoch: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly statusUrl: string | null;
  /** It said goodbye, or the broker did for it, after it was last seen. */
  readonly gone: boolean;
  /** Server wall clock. */
  readonly lastSeenMs: number;
  readonly reported: Reported | null;
}

interface Row {
  id: string;
  agentVersion: string;
  storeEpoch: string;
  labels: string;
  statusUrl: string | null;
  gone: number;
  lastSeenMs: number;
  reported: string | null;
}

const COLUMNS = `id, agent_version AS agentVersion, store_epoch AS storeEpoch, labels, status_url AS statusUrl,
  gone, last_seen_ms AS lastSeenMs, reported`;

export class DeviceTable {
  readonly #of: Statement<[string], Row>;
  readonly #all: Statement<[], Row>;
  readonly #birth: Statement<[string, string, string, string, string | null]>;
  readonly #reported: Statement<[string, string]>;
  readonly #seen: Statement<[string, number]>;
  readonly #gone: Statement<[string]>;
  readonly #bornEpoch: Statement<[string], string>;

  constructor(sqlite: Sqlite) {
    this.#of = sqlite.prepare(`SELECT ${COLUMNS} FROM devices WHERE id = ?`);
    this.#all = sqlite.prepare(`SELECT ${COLUMNS} FROM devices ORDER BY id`);
    this.#birth = sqlite.prepare(
      `INSERT INTO devices (id, agent_version, store_epoch, labels, status_url) VALUES (?, ?, ?, ?, ?)
       ON CONFLICT (id) DO UPDATE SET agent_version = excluded.agent_version, store_epoch = excluded.store_epoch,
         labels = excluded.labels, status_url = excluded.status_url`,
    );
    this.#reported = sqlite.prepare(
      `INSERT INTO devices (id, reported) VALUES (?, ?)
       ON CONFLICT (id) DO UPDATE SET reported = excluded.reported`,
    );
    this.#seen = sqlite.prepare(
      `INSERT INTO devices (id, last_seen_ms) VALUES (?, ?)
       ON CONFLICT (id) DO UPDATE SET last_seen_ms = excluded.last_seen_ms, gone = 0`,
    );
    this.#gone = sqlite.prepare('UPDATE devices SET gone = 1 WHERE id = ?');
    this.#bornEpoch = sqlite
      .prepare<[string], string>("SELECT store_epoch FROM devices WHERE id = ? AND store_epoch <> ''")
      .pluck();
  }

  of(id: string): DeviceRow | undefined {
    const row = this.#of.get(id);
    return row && deviceOf(row);
  }

  /** Of its last birth; undefined while none was heard. */
  bornEpoch(id: string): string | undefined {
    return this.#bornEpoch.get(id);
  }

  /** By id. */
  all(): DeviceRow[] {
    return this.#all.all().map(deviceOf);
  }

  born(birth: Birth): void {
    this.#birth.run(
      birth.device,
      birth.agentVersion,
      birth.storeEpoch,
      JSON.stringify(birth.labels),
      birth.statusUrl ?? null,
    );
  }

  saveReported(reported: Reported): void {
    this.#reported.run(reported.device, JSON.stringify(reported));
  }

  /** It spoke just now. */
  seen(id: string, timeMs: number): void {
    this.#seen.run(id, timeMs);
  }

  gone(id: string): void {
    this.#gone.run(id);
  }
}

function deviceOf(row: Row): DeviceRow {
  return {
    ...row,
    labels: JSON.parse(row.labels) as Record<string, string>,
    gone: row.gone === 1,
    reported: row.reported === null ? null : (JSON.parse(row.reported) as Reported),
  };
}
