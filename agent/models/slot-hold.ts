/** An operator's hold on a slot, durable before it is shown; and whether newcomers have to wait, for it or for the maintenance window. */
import type { Clock } from '../clock.ts';
import type { SlotConfig } from '../config/schema.ts';
import type { StateTable } from '../store/store.ts';
import { Gate, type Hold, holdSchema, isInForce, type Waiting } from './gate.ts';

export interface SlotHoldDeps {
  readonly slot: string;
  readonly config: Pick<SlotConfig, 'updates'>;
  readonly states: StateTable;
  readonly clock: Clock;
}

export class SlotHold {
  readonly #deps: SlotHoldDeps;
  readonly #key: string;
  readonly #gate: Gate;
  #hold: Hold | null = null;

  constructor(deps: SlotHoldDeps) {
    this.#deps = deps;
    this.#key = `hold/${deps.slot}`;
    this.#gate = new Gate(deps.config.updates);
  }

  /** A damaged row holds nothing. */
  start(): void {
    const row = holdSchema.safeParse(this.#deps.states.get(this.#key));
    this.#hold = row.success ? row.data : null;
  }

  /** Null when nobody holds the slot now. */
  get hold(): Hold | null {
    return this.#hold && isInForce(this.#hold, this.#deps.clock.wallMs()) ? this.#hold : null;
  }

  /**
   * @param wanted null releases
   * @throws CodedError STORE_FULL, STORE_UNWRITABLE: nothing has changed
   */
  set(wanted: Pick<Hold, 'reason' | 'untilMs'> | null): void {
    const { states, clock } = this.#deps;
    const hold = wanted && { ...wanted, sinceMs: clock.wallMs() };
    if (hold) states.set(this.#key, hold);
    else states.delete(this.#key);
    this.#hold = hold;
  }

  /** Null when a newcomer may begin to decide now. */
  waiting(): Waiting | null {
    return this.#gate.waiting(this.#hold, this.#deps.clock.wallMs());
  }
}
