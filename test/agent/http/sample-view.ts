/** A status view of a healthy device, for tests to change. */
import type { DriftView, InputsView, SlotView, StatusView } from '../../../agent/http/view.ts';
import { NOTHING_WATCHED } from '../../../agent/monitor/model-watch.ts';

export const calmInputs: InputsView = NOTHING_WATCHED;

export function sampleDrift(change: Partial<DriftView> = {}): DriftView {
  return {
    feature: 'torque_nm',
    psi: 0.1,
    jensenShannon: 0.1,
    ks: 0.1,
    drifting: false,
    sinceMs: null,
    shares: [],
    baselineShares: [],
    ...change,
  };
}

export function sampleSlot(change: Partial<SlotView> = {}): SlotView {
  return {
    slot: 'milling',
    source: 'line',
    labels: ['ok', 'failure'],
    champion: { title: 'milling-failure 1', manifestSha256: 'a'.repeat(64) },
    challenger: null,
    install: null,
    hold: null,
    cost: {
      latencyP99Ms: 0.12,
      memoryBytes: 3_400_000,
      allowedLatencyP99Ms: null,
      allowedMemoryBytes: null,
    },
    cache: null,
    truth: { rules: [], exploration: null, warnings: [], asksForLooks: false },
    predictionsPerS: 10,
    latencyUs: { p50: 100, p95: 200, p99: 300 },
    rateHistory: Array(60).fill(10),
    metric: {
      name: 'f-beta',
      offline: 0.75,
      baseline: { name: 'rules', value: 0.5 },
      labels: 12,
      naive: { value: 0.8, low: 0.6, high: 0.91, labels: 12, effectiveLabels: 12 },
      corrected: null,
      slices: [],
      challenger: null,
    },
    drift: [],
    inputs: calmInputs,
    recent: [],
    ...change,
  };
}

export function sampleView(change: Partial<StatusView> = {}): StatusView {
  return {
    device: { id: 'mill-1', labels: {}, agentVersion: '0.1.0', startedAtMs: 1, nowMs: 2, pinSet: false },
    headline: { severity: 'info', text: 'Running.', next: null },
    alarms: [],
    slots: [sampleSlot()],
    link: {
      configured: true,
      connected: true,
      sinceMs: 1,
      backlog: { predictions: 0, feedback: 0, metrics: 0, events: 0 },
      lastAckMs: 1,
      heldBack: null,
    },
    store: { sizeBytes: 1000, maxBytes: 1_000_000, storeEpoch: '0'.repeat(16), dropped: 0, thinned: 0 },
    engine: { alive: true, restarts: 0, rssBytes: 80_000_000 },
    machine: null,
    counters: {},
    events: [],
    ...change,
  };
}
