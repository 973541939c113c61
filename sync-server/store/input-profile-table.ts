/** The newest input profile of each device and slot: what the fleet's drift is put together from. */
import { type InputProfile, parseProfile } from '../../protocol/drift/input-profile.ts';
import type { EventRecord } from '../../protocol/records.ts';
import type { Sqlite, Statement } from './database.ts';

export interface DeviceProfile {
  readonly device: string;
  readonly slot: string;
  /** By the device's clock. */
  readonly timeMs: number;
  readonly profile: InputProfile;
}

interface Row {
  readonly device: string;
  readonly slot: string;
  readonly timeMs: number;
  readonly data: string;
}

export class InputProfileTable {
  readonly #put: Statement<[number, string, number, string]>;
  readonly #newest: Statement<[], Row>;

  constructor(sqlite: Sqlite) {
    this.#put = sqlite.prepare(
      `INSERT INTO input_profiles VALUES (?, ?, ?, ?)
       ON CONFLICT DO UPDATE SET time_ms = excluded.time_ms, data = excluded.data`,
    );
    this.#newest = sqlite.prepare(
      `SELECT devices.id AS device, slot, time_ms AS timeMs, data FROM input_profiles
       JOIN epochs ON epochs.id = epoch_id
       JOIN devices ON devices.id = epochs.device AND devices.store_epoch = epochs.epoch
       ORDER BY slot, devices.id`,
    );
  }

  /** The caller holds the transaction. */
  put(epochId: number, { slot, timeMs, data }: EventRecord): void {
    if (slot !== null) this.#put.run(epochId, slot, timeMs, JSON.stringify(data));
  }

  /** One that cannot be read is left out. */
  newest(): DeviceProfile[] {
    return this.#newest.all().flatMap(({ data, ...rest }) => {
      const profile = parseProfile(JSON.parse(data) as EventRecord['data']);
      return profile ? [{ ...rest, profile }] : [];
    });
  }
}
