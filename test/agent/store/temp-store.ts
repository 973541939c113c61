/** A real store in a folder of its own, and predictions to put into it. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterEach } from 'vitest';
import type { Clock } from '../../../agent/clock.ts';
import { openStore } from '../../../agent/store/open-store.ts';
import type { NewPrediction, StoredPrediction } from '../../../agent/store/records.ts';
import type { ReopenReason, Store } from '../../../agent/store/store.ts';
import { Counters } from '../../../daemon/counters.ts';

export const MODEL_A = 'a'.repeat(64);
export const MODEL_B = 'b'.repeat(64);
export const NOW_MS = 1_764_000_000_000;
export const silentLog = pino({ level: 'silent' });

/** Stands still until the test moves it. */
export class TestClock implements Clock {
  #ms = NOW_MS;
  wallMs = () => this.#ms;
  monotonicUs = () => this.#ms * 1000;
  advance(ms: number): void {
    this.#ms += ms;
  }
}

export interface OpenedStore {
  readonly store: Store;
  readonly counters: Counters;
}

const folders: string[] = [];
const stores = new Set<Store>();

afterEach(async () => {
  for (const store of stores) await store.close();
  stores.clear();
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

export function tempFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'andon-store-'));
  folders.push(folder);
  return folder;
}

/** Closed after the test, if it has not closed it itself. */
export function openTempStore(
  options: {
    folder?: string;
    maxBytes?: number;
    commitWithinMs?: number;
    clock?: Clock;
    onReopen?: (why: ReopenReason) => void;
  } = {},
): OpenedStore {
  const counters = new Counters();
  const store = openStore({
    folder: options.folder ?? tempFolder(),
    maxBytes: options.maxBytes ?? 64 * 1024 * 1024,
    commitWithinMs: options.commitWithinMs ?? 2,
    clock: options.clock ?? new TestClock(),
    log: silentLog,
    counters,
    ...(options.onReopen ? { onReopen: options.onReopen } : {}),
  });
  stores.add(store);
  return { store, counters };
}

export async function closeStore(store: Store): Promise<void> {
  stores.delete(store);
  await store.close();
}

export function newPrediction(over: Partial<NewPrediction> = {}): NewPrediction {
  return {
    timeMs: NOW_MS,
    slot: 'inspection',
    model: MODEL_A,
    role: 'champion',
    correlationId: null,
    label: 0,
    score: 0.5,
    latencyUs: 120,
    health: 0,
    features: null,
    shadow: null,
    ...over,
  };
}

export function record(
  store: Store,
  predictions: readonly NewPrediction[],
  position: number | null = null,
): Promise<StoredPrediction[]> {
  const slot = predictions[0]?.slot ?? 'inspection';
  return store.recorder.predictions({ slot, source: 'line', position, predictions });
}
