/** What the status page shows: the JSON of `GET /api/status`, sent again over SSE (`GET /api/live`) when it changes. */
import type { Alarm } from '../../protocol/alarms.ts';
import type { MetricReport } from '../../protocol/evidence/metric-report.ts';
import type { InstallState, ReportedSlot } from '../../protocol/messages.ts';
import type { Role, Severity, Stream } from '../../protocol/records.ts';

export interface StatusView {
  device: {
    id: string;
    labels: Record<string, string>;
    agentVersion: string;
    startedAtMs: number;
    nowMs: number;
    /** Whether operators can change this device here, with their PIN. */
    pinSet: boolean;
  };
  /** One sentence for two metres away: `Running. 3 parts need attention.` */
  headline: { severity: Severity; text: string; next: string | null };
  /** What is wrong with this device now, the worst first. */
  alarms: Alarm[];
  slots: SlotView[];
  link: {
    configured: boolean;
    connected: boolean;
    sinceMs: number;
    /** Records not yet acknowledged, a stream. */
    backlog: Record<Stream, number>;
    lastAckMs: number | null;
    /** Why records wait although the link is up, in words; null: they do not. */
    heldBack: string | null;
  };
  store: {
    sizeBytes: number;
    maxBytes: number;
    storeEpoch: string;
    /** Records that had to go before the server had them. */
    dropped: number;
    /** Of those, predictions that others like them stand for. */
    thinned: number;
  };
  engine: { alive: boolean; restarts: number; rssBytes: number };
  /** Null until it was first looked at, and while it does not answer. */
  machine: MachineView | null;
  /** Error codes with counts, never zero. */
  counters: Record<string, number>;
  /** Newest first, at most 30. */
  events: { timeMs: number; kind: string; severity: Severity; slot: string | null; message: string }[];
}

/** What this machine cannot tell is null. */
export interface MachineView {
  cpuPercent: number | null;
  temperatureC: number | null;
  cpuGHz: number | null;
  memoryTotalBytes: number | null;
  memoryAvailableBytes: number | null;
  /** Of the disk that holds the agent's data. */
  diskTotalBytes: number | null;
  diskAvailableBytes: number | null;
}

export interface SlotView {
  slot: string;
  source: string;
  labels: string[];
  champion: { title: string; manifestSha256: string } | null;
  challenger: { title: string; manifestSha256: string; share: number } | null;
  install: (ReportedSlot['install'] & { stateWords: string; state: InstallState }) | null;
  /** An operator's word that no new model begins to decide here; null when there is none. */
  hold: { reason: string; sinceMs: number; untilMs: number | null } | null;
  /** What the champion costs, measured by its self-test here, and what the slot allows. */
  cost: {
    latencyP99Ms: number | null;
    memoryBytes: number | null;
    allowedLatencyP99Ms: number | null;
    allowedMemoryBytes: number | null;
  };
  /** Outputs of exactly equal inputs, kept; null where the slot does not ask for that. */
  cache: {
    hits: number;
    misses: number;
    bytes: number;
    maxBytes: number;
    evictions: number;
    /** Spent on hashing, and inside ONNX Runtime for what was not found. */
    hashUs: number;
    computeUs: number;
    /** Hashing has lately cost more than the hits saved. */
    hurts: boolean;
  } | null;
  /** What counts as the truth, in the order in which it does, and what may be wrong with that. */
  truth: {
    rules: { name: string; words: string; precedence: number }[];
    exploration: string | null;
    warnings: string[];
    /** Some rule asks how long people look at a prediction on the page. */
    asksForLooks: boolean;
  };
  predictionsPerS: number;
  latencyUs: { p50: number; p95: number; p99: number } | null;
  /** Predictions a second over the last minute, oldest first (60 values). */
  rateHistory: number[];
  /** The champion's one number from labels so far, beside what was promised; and the challenger's. Null without a model. */
  metric: (MetricReport & { challenger: MetricReport | null }) | null;
  drift: DriftView[];
  inputs: InputsView;
  /** Newest first, at most 26, deciding roles only: the newest, the newest raised, and the newest that turned out otherwise. */
  recent: PredictionView[];
}

/** An input, or the labels that the model says, beside the training data. */
export interface DriftView {
  feature: string;
  psi: number;
  /** Jensen-Shannon distance, 0..1. */
  jensenShannon: number;
  /** Kolmogorov-Smirnov distance, 0..1; null for categories. */
  ks: number | null;
  drifting: boolean;
  /** When it was called drifting; null while it is not. */
  sinceMs: number | null;
  /** A bin of the baseline each; empty before the first window is full. */
  shares: readonly number[];
  baselineShares: readonly number[];
}

/** What else is wrong with what comes in, and with what the model makes of it. */
export interface InputsView {
  /** That last; shares are of the last 200 samples. */
  faults: { feature: string; fault: 'missing' | 'outOfRange' | 'stuck'; share: number }[];
  /** Samples that came after an unusually long silence. */
  stale: number;
  /** Null before it is known. */
  samplesPerS: number | null;
  usualPerS: number | null;
  /** `shares` in the order of the slot's labels; null before a model is there. */
  labelDrift: DriftView | null;
  /** Inputs that no longer move together as in training, though neither drifts by itself. */
  pairs: { features: readonly [string, string]; baseline: number; now: number }[];
  /** The newest change of version of the slot's source, since the agent started. */
  sourceChange: { source: string; from: string; to: string; timeMs: number } | null;
}

export interface PredictionView {
  id: string;
  timeMs: number;
  correlationId: string | null;
  role: Role;
  label: string;
  score: number;
  /** Of the score, where that is a measured value or an anomaly score; null for a probability. */
  unit: string | null;
  /** The model raises an alarm with it, or is unsure among many labels. */
  raised: boolean;
  health: number;
  /** By its label it would have been taken off the line; it goes on, so that it is seen what it is. */
  explored: boolean;
  /** What feedback says, if anything: the true label, and who said so. */
  truth: { label: string; kind: 'explicit' | 'implicit'; evidence: string } | null;
}

/** `POST /api/hold` */
export type HoldRequest =
  | { slot: string; hold: false }
  /** Without `untilMs`: until it is released. */
  | { slot: string; hold: true; reason: string; untilMs?: number | undefined };

/** `POST /api/looked-at`: somebody had this prediction open for so long. */
export interface LookRequest {
  predictionId: string;
  durationMs: number;
}

/** `POST /api/feedback` */
export interface FeedbackRequest {
  predictionId: string;
  /** The true label's name; null takes an answer back. */
  label: string | null;
}
