/** Counts what became of each plate, in the database of a device or of the server. */
import Database from 'better-sqlite3';
import { ROLES } from '../../../protocol/records.ts';
import { PLATES } from './device-process.ts';

export interface Ledger {
  readonly records: number;
  /** Plates that should be there and are not. */
  readonly lost: number;
  /** Plates that are there once too often. */
  readonly doubled: number;
  /** Records whose seq is not the position of their plate in the replay: 0 when nothing was lost, doubled or refused. */
  readonly outOfPlace: number;
}

const PREDICTIONS_OF = {
  server: `SELECT seq, correlation_id AS plate FROM predictions
           WHERE epoch_id IN (SELECT id FROM epochs WHERE device = $device)`,
  // What a model said of a plate while it looked on is another opinion, not the plate once more.
  device: `SELECT seq, correlation_id AS plate FROM predictions
           JOIN contexts ON contexts.id = context AND role <> ${ROLES.indexOf('shadow')}
           WHERE $device IS NOT NULL`,
} as const;

/**
 * @param made plates that were replayed, over and over the same `PLATES`
 * @param file of a device: only once its agent has ended
 */
export function countPlates(side: 'device' | 'server', file: string, made: number, device: string): Ledger {
  return read(file, (database) => {
    const rows = database
      .prepare<[{ device: string }], { plate: string; count: number; inPlace: number }>(
        `SELECT plate, count(*) AS count, sum(plate = 'plate-' || ((seq - 1) % ${PLATES} + 1)) AS inPlace
         FROM (${PREDICTIONS_OF[side]}) GROUP BY plate`,
      )
      .all({ device });
    const counts = new Map(rows.map(({ plate, count }) => [plate, count]));
    let lost = 0;
    let doubled = 0;
    for (let plate = 1; plate <= PLATES; plate++) {
      const expected = Math.floor((made - plate) / PLATES) + 1;
      const found = counts.get(`plate-${plate}`) ?? 0;
      lost += Math.max(0, expected - found);
      doubled += Math.max(0, found - expected);
    }
    const sum = (of: 'count' | 'inPlace') => rows.reduce((total, row) => total + row[of], 0);
    return { records: sum('count'), lost, doubled, outOfPlace: sum('count') - sum('inPlace') };
  });
}

/** Place in its file up to which a device has committed. Once its agent has ended. */
export function positionReached(file: string): number {
  return read(file, (database) => numberOf(database, 'SELECT position FROM positions'));
}

/** Predictions that retention dropped and no server had. Once the device's agent has ended. */
export function predictionsDropped(file: string): number {
  return read(file, (database) =>
    numberOf(database, "SELECT dropped FROM streams WHERE stream = 'predictions'"),
  );
}

export function exactlyOnce(made: number): Ledger {
  return { records: made, lost: 0, doubled: 0, outOfPlace: 0 };
}

function numberOf(database: Database.Database, sql: string): number {
  return database.prepare<[], number>(sql).pluck().get() ?? 0;
}

function read<T>(file: string, look: (database: Database.Database) => T): T {
  const database = new Database(file, { readonly: true });
  try {
    return look(database);
  } finally {
    database.close();
  }
}
