/** What the server wants on each device, with the generation that only grows. */
import type { DesiredSlot } from '../../protocol/messages.ts';
import type { Sqlite, Statement } from './database.ts';

export interface DesiredState {
  readonly device: string;
  readonly generation: number;
  readonly issuedAtMs: number;
  readonly slots: Readonly<Record<string, DesiredSlot>>;
}

interface Row {
  device: string;
  generation: number;
  issuedAtMs: number;
  slots: string;
}

const COLUMNS = 'device, generation, issued_at_ms AS issuedAtMs, slots';

export class DesiredTable {
  readonly #of: Statement<[string], Row>;
  readonly #all: Statement<[], Row>;
  readonly #save: Statement<[Row]>;

  constructor(sqlite: Sqlite) {
    this.#of = sqlite.prepare(`SELECT ${COLUMNS} FROM desired_states WHERE device = ?`);
    this.#all = sqlite.prepare(`SELECT ${COLUMNS} FROM desired_states ORDER BY device`);
    this.#save = sqlite.prepare(
      `INSERT OR REPLACE INTO desired_states (device, generation, issued_at_ms, slots)
       VALUES (@device, @generation, @issuedAtMs, @slots)`,
    );
  }

  of(device: string): DesiredState | undefined {
    const row = this.#of.get(device);
    return row && stateOf(row);
  }

  all(): DesiredState[] {
    return this.#all.all().map(stateOf);
  }

  save(state: DesiredState): void {
    this.#save.run({ ...state, slots: JSON.stringify(state.slots) });
  }
}

function stateOf(row: Row): DesiredState {
  return { ...row, slots: JSON.parse(row.slots) as DesiredState['slots'] };
}
