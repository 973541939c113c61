/**
 * What this device is ordered to run, from the message to the handing on: the metadata that an order came with are brought first
 * where its key is unknown, an order that the store had no room for is tried again, and a person's order stands beside it.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { codeOf } from '../../protocol/errors.ts';
import {
  type Desired,
  type DesiredSlot,
  envelopeSchema,
  parseMessage,
  type TrustRef,
} from '../../protocol/messages.ts';
import type { MetadataFiles } from '../../protocol/signed-file.ts';
import type { StateTable } from '../store/store.ts';
import type { DeviceTrust } from '../trust/device-trust.ts';
import { DesiredState } from './desired-state.ts';
import type { Refusals } from './refusals.ts';

const FIRST_RETRY_MS = 1000;
const MAX_RETRY_MS = 60_000;
const OF_THE_DISK = /^(DISK_TOO_FULL|E[A-Z]+)$/;

export interface OrdersDeps {
  readonly device: string;
  readonly states: StateTable;
  readonly trust: Pick<DeviceTrust, 'serverKeys' | 'indexSha256' | 'update' | 'expect' | 'heardTime'>;
  /** Undefined where this device does not sync. */
  readonly fetchFiles: (ref: TrustRef, signal: AbortSignal) => Promise<MetadataFiles | undefined>;
  readonly dropChunks: (ref: TrustRef) => Promise<void>;
  readonly refusals: Pick<Refusals, 'refuse'>;
  /** Each new order, and at start the kept one. */
  readonly onDesired: (desired: Desired) => void;
}

export class Orders {
  readonly #deps: OrdersDeps;
  readonly #desiredState: DesiredState;
  /** An order that the store had no room for. */
  #unkept: Buffer | undefined;
  /** Ends the fetch of metadata that newer ones have replaced. */
  #trustFetch: { indexSha256: string; by: 'server' | 'unknown'; abort: AbortController } | undefined;

  constructor(deps: OrdersDeps) {
    this.#deps = deps;
    const { device, states, trust } = deps;
    this.#desiredState = new DesiredState({ device, serverKeys: () => trust.serverKeys, states });
  }

  /** Hands on what was in force before this start. */
  restore(): void {
    try {
      const desired = this.#desiredState.kept();
      if (desired) this.#handOn(desired);
    } catch (error) {
      this.#deps.refusals.refuse(error, 'the kept desired state');
    }
  }

  /**
   * A message of the topic `desired`.
   * @throws CodedError SIGNATURE_*, PAYLOAD_*, DESIRED_REFUSED, STORE_*
   */
  receive(payload: Buffer): void {
    if (payload.length === 0) return;
    const { trust } = parseMessage(envelopeSchema, payload, 'desired state');
    const isNews = trust !== undefined && trust.indexSha256 !== this.#deps.trust.indexSha256;
    try {
      this.#desiredState.verify(payload);
    } catch (error) {
      // The metadata that it names may know the key.
      if (isNews && codeOf(error) === 'SIGNATURE_UNTRUSTED') this.#fetchTrust(trust, payload, 'unknown');
      throw error;
    }
    if (isNews) this.#fetchTrust(trust, payload, 'server');
    this.#take(payload);
  }

  /** A person brought this model to a slot. @throws CodedError STORE_FULL, STORE_UNWRITABLE */
  bring(slot: string, desired: DesiredSlot): void {
    this.#handOn(this.#desiredState.bring(slot, desired));
  }

  /** The store works again, maybe. */
  retry(): void {
    const payload = this.#unkept;
    if (!payload) return;
    this.#unkept = undefined;
    try {
      this.receive(payload);
    } catch (error) {
      this.#deps.refusals.refuse(error, 'the desired state that waited for the store');
    }
  }

  stop(): void {
    this.#trustFetch?.abort.abort();
  }

  #take(payload: Buffer): void {
    let desired: Desired | undefined;
    try {
      desired = this.#desiredState.receive(payload);
    } catch (error) {
      // The broker will not say it again, so it waits here for a store that works.
      if (codeOf(error).startsWith('STORE_')) this.#unkept = payload;
      throw error;
    }
    this.#unkept = undefined;
    if (desired) this.#handOn(desired);
  }

  #handOn(desired: Desired): void {
    this.#deps.trust.heardTime(desired.issuedAtMs);
    this.#deps.onDesired(desired);
  }

  /**
   * Brings the metadata that an order came with, then looks at that order again. Whoever is not known yet neither ends a
   * fetch for the server nor keeps installations waiting.
   */
  #fetchTrust(ref: TrustRef, payload: Buffer, by: 'server' | 'unknown'): void {
    const { trust, refusals } = this.#deps;
    const running = this.#trustFetch;
    if (running?.by === 'server' && by === 'unknown') return;
    if (running?.by === by && running.indexSha256 === ref.indexSha256) return;
    running?.abort.abort();
    const abort = new AbortController();
    const fetch = { indexSha256: ref.indexSha256, by, abort };
    this.#trustFetch = fetch;
    const taken = this.#takeTrust(ref, abort.signal).finally(() => {
      if (this.#trustFetch === fetch) this.#trustFetch = undefined;
    });
    if (by === 'server') trust.expect(taken);
    taken
      .catch((error) => {
        if (!abort.signal.aborted) refusals.refuse(error, 'the signed metadata of the server');
      })
      .then(() => !abort.signal.aborted && this.#take(payload))
      .catch((error) => refusals.refuse(error, 'the desired state'));
  }

  async #takeTrust(ref: TrustRef, signal: AbortSignal): Promise<void> {
    const { dropChunks, trust } = this.#deps;
    const files = await this.#fetchPatiently(ref, signal);
    if (!files) return;
    trust.update(files, ref.indexSha256);
    // Kept by trust from now on. What it refuses stays here, or each reconnect would fetch it again.
    await dropChunks(ref);
  }

  /** A disk without room may get some; what waits for these metadata waits too, and is not refused for want of them. */
  async #fetchPatiently(ref: TrustRef, signal: AbortSignal): Promise<MetadataFiles | undefined> {
    const { fetchFiles, refusals } = this.#deps;
    for (let delayMs = FIRST_RETRY_MS; ; delayMs = Math.min(2 * delayMs, MAX_RETRY_MS)) {
      try {
        return await fetchFiles(ref, signal);
      } catch (error) {
        if (!OF_THE_DISK.test(codeOf(error))) throw error;
        refusals.refuse(error, 'the signed metadata of the server, for now');
        await pause(delayMs, undefined, { signal, ref: false });
      }
    }
  }
}
