/** What each device shall run: stored with a growing generation, signed, and published as retained. */
import { type SigningKey, sealEnvelope } from '../../protocol/keys.ts';
import type { Desired, DesiredSlot, TrustRef } from '../../protocol/messages.ts';
import { topics } from '../../protocol/topics.ts';
import type { Clock } from '../clock.ts';
import type { ServerStore } from '../store/server-store.ts';

export interface DesiredStatesDeps {
  readonly store: ServerStore;
  readonly key: SigningKey;
  /** The signed metadata that devices shall go by. */
  readonly trust: () => TrustRef | undefined;
  readonly clock: Clock;
  readonly publish: (topic: string, payload: Buffer, retain: boolean) => Promise<boolean>;
  /** After a change: the chunks that the broker should hold may be others now. */
  readonly onChange: () => void;
}

export class DesiredStates {
  readonly #deps: DesiredStatesDeps;

  constructor(deps: DesiredStatesDeps) {
    this.#deps = deps;
  }

  slotOf(device: string, slot: string): DesiredSlot | undefined {
    return this.#deps.store.desired.of(device)?.slots[slot];
  }

  /**
   * Durable when it returns, published then; equal to what is wanted already changes nothing.
   * @returns the generation that carries it
   */
  setSlot(device: string, slot: string, wanted: DesiredSlot): number {
    const { store, clock } = this.#deps;
    const before = store.desired.of(device);
    if (before && JSON.stringify(before.slots[slot]) === JSON.stringify(wanted)) return before.generation;
    // A server restored from a backup must not fall behind what the device has seen already.
    const seen = store.devices.of(device)?.reported?.generation ?? 0;
    const generation = Math.max(before?.generation ?? 0, seen) + 1;
    const slots = { ...before?.slots, [slot]: wanted };
    store.desired.save({ device, generation, issuedAtMs: clock.wallMs(), slots });
    this.publish(device);
    this.#deps.onChange();
    return generation;
  }

  /** Sends a device what it should run, if the server ever said anything about it. */
  publish(device: string): void {
    const state = this.#deps.store.desired.of(device);
    if (!state) return;
    const desired: Desired = { v: 1, ...state };
    const { key, trust, publish } = this.#deps;
    void publish(topics.desired(device), sealEnvelope(key, desired, trust()), true);
  }

  /** After a connect, because the broker may have forgotten everything; and after new signed metadata. */
  publishAll(): void {
    for (const { device } of this.#deps.store.desired.all()) this.publish(device);
  }
}
