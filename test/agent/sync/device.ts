/** A device of which only sync is real: its records are put into the streams by the test. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { systemClock } from '../../../agent/clock.ts';
import { deviceConfigSchema } from '../../../agent/config/schema.ts';
import { Sync, type SyncDeps } from '../../../agent/sync/sync.ts';
import { DeviceTrust } from '../../../agent/trust/device-trust.ts';
import { Counters } from '../../../daemon/counters.ts';
import type { EventRecord, Prediction } from '../../../protocol/records.ts';
import { TestTeam } from '../../support/trust.ts';
import { MemoryStates, MemoryStreams } from './memory-store.ts';

export const MODEL = 'ab'.repeat(32);

export interface DeviceOptions {
  readonly broker: string;
  /** Whose root this device pins; default: one that nobody else knows. */
  readonly team?: TestTeam;
  readonly privacy?: 'outputs' | 'features' | 'none';
  readonly window?: number;
  /** Of the slot `inspect`. */
  readonly uploadBytesPerS?: number;
  readonly telemetry?: {
    readonly maxBytesPerDay?: number;
    readonly maxBytesPerS?: number;
    readonly lingerMs?: number;
  };
}

export class TestDevice {
  readonly id = 'press-1';
  readonly epoch = '0123456789abcdef';
  readonly dataDir = mkdtempSync(join(tmpdir(), 'andon-sync-'));
  readonly streams = new MemoryStreams();
  readonly states = new MemoryStates();
  counters = new Counters();
  sync: Sync;
  readonly #options: DeviceOptions;

  constructor(options: DeviceOptions) {
    this.#options = options;
    this.sync = this.#makeSync();
  }

  /** The agent starts again on the same data. */
  async restart(): Promise<void> {
    await this.sync.stop();
    this.counters = new Counters();
    this.sync = this.#makeSync();
    await this.sync.start();
  }

  async stop(): Promise<void> {
    await this.sync.stop();
    rmSync(this.dataDir, { recursive: true, force: true });
  }

  record(count: number, values: Partial<Prediction> = {}): void {
    const from = this.streams.head('predictions');
    this.streams.append(
      'predictions',
      Array.from({ length: count }, (_, i) => prediction(from + i, values)),
    );
    this.sync.notifyRecorded();
  }

  recordEvents(count: number, values: Partial<EventRecord> = {}): void {
    const event = {
      timeMs: 1,
      kind: 'drift',
      severity: 'info',
      slot: 'inspect',
      message: 'm',
      data: {},
    } as const;
    this.streams.append(
      'events',
      Array.from({ length: count }, () => ({ ...event, ...values })),
    );
    this.sync.notifyRecorded();
  }

  #makeSync(): Sync {
    const { epoch, streams, states, dataDir, counters } = this;
    return makeSync(this.#options, { store: { epoch, inherits: [], streams, states }, dataDir, counters });
  }
}

/** @param parts what outlives a restart, and the counters of this life */
export function makeSync(
  options: DeviceOptions,
  parts: Pick<SyncDeps, 'store' | 'counters'> & { readonly dataDir: string },
): Sync {
  const { broker, team = new TestTeam(), privacy = 'features', window = 8, telemetry = {} } = options;
  const { store, dataDir, counters } = parts;
  const slot = { source: 'line', model: 'model' };
  const config = deviceConfigSchema.parse({
    device: { id: 'press-1', labels: { site: 'north' } },
    dataDir,
    sources: { line: { kind: 'simulated-line' } },
    slots: {
      inspect: { ...slot, privacy, upload: { maxBytesPerS: options.uploadBytesPerS ?? null } },
      secret: { ...slot, privacy: 'none' },
    },
    sync: { broker, window, telemetry, retryMs: 50 },
  });
  const log = pino({ level: 'silent' });
  const metadata = team.writeMetadata(join(dataDir, 'metadata'));
  const trust = new DeviceTrust({
    folder: metadata,
    states: store.states,
    clock: systemClock,
    log,
    counters,
  });
  return new Sync({
    config,
    agentVersion: '0.1.0',
    store,
    trust,
    statusUrl: () => 'http://127.0.0.1:8080',
    reported: () => ({}),
    alarms: () => [],
    clock: systemClock,
    log,
    counters,
  });
}

export function prediction(n: number, values: Partial<Prediction> = {}): Omit<Prediction, 'seq'> {
  return {
    run: '00000001',
    timeMs: 1_700_000_000_000 + n * 10,
    slot: 'inspect',
    model: MODEL,
    role: 'champion',
    correlationId: `part-${n}`,
    label: n % 2,
    score: 0.5,
    latencyUs: 100 + (n % 50),
    health: 0,
    pairOf: 0,
    features: [n, 2, 3],
    tags: {},
    propensity: 1,
    keptShare: 1,
    explored: false,
    ...values,
  };
}
