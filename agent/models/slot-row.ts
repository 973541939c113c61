/** A slot's durable row: the state is written first and acted on after, and nothing else changes it. */
import { codeOf } from '../../protocol/errors.ts';
import type { StateTable } from '../store/store.ts';
import { EMPTY_SLOT, type SlotEvent, type SlotState, slotStateSchema } from './slot-state.ts';
import { transition } from './transitions.ts';

/** What never waits for the disk: a restart that reads the row of before comes to the same again. */
const NEEDS_NO_ROW: readonly SlotEvent['kind'][] = [
  'started',
  'refused',
  'commit',
  'failed',
  'gate',
  'calm',
  'measured',
];

export interface SlotRowDeps {
  readonly slot: string;
  readonly states: StateTable;
  readonly problem: (code: string, words: string) => void;
  readonly changed: (before: SlotState, after: SlotState, event: SlotEvent) => void;
}

export class SlotRow {
  readonly #deps: SlotRowDeps;
  readonly #key: string;
  #state: SlotState = EMPTY_SLOT;

  constructor(deps: SlotRowDeps) {
    this.#deps = deps;
    this.#key = `models/${deps.slot}`;
  }

  get state(): SlotState {
    return this.#state;
  }

  read(): void {
    const { states, problem } = this.#deps;
    const row = slotStateSchema.safeParse(states.get(this.#key) ?? EMPTY_SLOT);
    if (row.success) this.#state = row.data;
    else problem('MODEL_UNREADABLE', 'the row of this slot is damaged; starting from the config');
  }

  /** @throws CodedError STORE_FULL, STORE_UNWRITABLE for what must not be acted on without its row */
  apply(event: SlotEvent): void {
    const { states, problem, changed } = this.#deps;
    const before = this.#state;
    const after = transition(before, event);
    if (after === before) return;
    try {
      states.set(this.#key, after);
    } catch (error) {
      if (!NEEDS_NO_ROW.includes(event.kind)) throw error;
      const words = error instanceof Error ? error.message : String(error);
      problem(codeOf(error), `cannot write the row of this slot: ${words}`);
    }
    this.#state = after;
    changed(before, after, event);
  }
}
