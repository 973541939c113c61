/** What the fleet console and the CLI see: the JSON of the admin API, all under `/api`. */
import type { MetricReport, ShownEstimate } from '../../protocol/evidence/metric-report.ts';
import type { ModelRef, Reported } from '../../protocol/messages.ts';
import type { Severity, Stream } from '../../protocol/records.ts';
import type { WeeklyWindow } from '../../protocol/weekly-window.ts';

/** `GET /api/fleet`, sent again over SSE (`GET /api/live`) when it changes. */
export interface FleetView {
  nowMs: number;
  server: { version: string; broker: string; keyId: string };
  trust: TrustView;
  devices: DeviceView[];
  models: ModelView[];
  rollouts: RolloutView[];
  /** Null while no MLflow is configured. */
  mlflow: MlflowView | null;
  /** Slots that drift and have new labels to train with. */
  retraining: RetrainProposalView[];
  /** Newest first, at most 50. */
  events: {
    device: string;
    timeMs: number;
    kind: string;
    severity: Severity;
    slot: string | null;
    message: string;
  }[];
  /** Inputs of each slot and model over all its devices, from what they told last. */
  drift: FleetDriftView[];
  /** Refused messages by error code. */
  refused: Record<string, number>;
  /** Of the refused messages those that are kept: how many, and the newest, at most 10. */
  deadLetters: { kept: number; newest: DeadLetterView[] };
}

/** With the first bytes of what it said. */
export interface DeadLetterDetailView extends DeadLetterView {
  headBase64: string;
}

/** A message that was refused. */
export interface DeadLetterView {
  id: number;
  /** By whose topic it came; null: no device's. */
  device: string | null;
  topic: string;
  code: string;
  /** In words. */
  reason: string;
  sizeBytes: number;
  /** How often the same message came. */
  times: number;
  /** By the server's clock. */
  firstMs: number;
  lastMs: number;
}

export interface FleetDriftView {
  slot: string;
  /** Its title. */
  model: string;
  /** That have told what their inputs look like. */
  devices: number;
  /** The newest of it, by that device's clock. */
  newestMs: number;
  features: {
    feature: string;
    psi: number;
    /** Of all devices together; one alone may drift without it. */
    drifting: boolean;
    /** Ids of devices that call it drifting by themselves. */
    driftingDevices: string[];
    /** When the first of them did; null while none does. */
    sinceMs: number | null;
    samples: number;
    /** One a bin of the baseline, all devices together. */
    shares: readonly number[];
    baselineShares: readonly number[];
  }[];
}

export interface DeviceView {
  id: string;
  labels: Record<string, string>;
  online: boolean;
  lastSeenMs: number;
  agentVersion: string;
  statusUrl: string | null;
  storeEpoch: string;
  /** Committed here, a stream. */
  received: Record<Stream, number>;
  /** Records that the device said it dropped. */
  dropped: number;
  reported: Reported | null;
  generation: number;
}

export interface MlflowView {
  trackingUri: string;
  /** Whether it has answered since this server started. */
  asked: boolean;
  /** Why MLflow could not be asked the last time. */
  problem: string | null;
  /** Reports that it has yet to get. */
  waiting: number;
  aliases: MlflowAliasView[];
}

export interface MlflowAliasView {
  /** Our name of the model. */
  model: string;
  /** Registered model and alias in MLflow. */
  name: string;
  alias: string;
  /** What the alias points to; null where it points nowhere. */
  version: number | null;
  /** What became of it here, to be read after the version. */
  words: string;
  /** What a person has to run for it, if anything. */
  commands: string[];
}

/** A proposal for people: the server never trains and never releases by itself. */
export interface RetrainProposalView {
  slot: string;
  /** When the first of what still drifts began. */
  sinceMs: number;
  features: string[];
  devices: string[];
  /** Samples since then that have a label, and those of them whose features left their device; counted to a few thousand. */
  labelled: number;
  withFeatures: number;
  /** `features-missing`: labels enough, but the slot's privacy policy keeps the features on the devices. */
  verdict: 'train' | 'features-missing';
  /** What a person would run, in this order. */
  commands: string[];
}

/** `GET /api/trust` */
export interface TrustView {
  /** Raw Ed25519 key, hex. */
  serverPublicKey: string;
  /** Whether the root gives that key the online role: without it nothing new reaches a device. */
  online: boolean;
  /** Null before a root was published. `signedUntilMs`: when root or list end, whichever is first. */
  metadata: { root: number; targets: number; timestamp: number; signedUntilMs: number } | null;
}

export interface ModelView {
  name: string;
  version: number;
  tag: string | null;
  title: string;
  manifestSha256: string;
  sizeBytes: number;
  precision: string;
  summary: string;
  metric: { name: string; offline: number; baseline: { name: string; value: number } };
  publishedAtMs: number;
  /** Names that point to this version, for example `champion`. */
  aliases: string[];
  /** For people; rollouts do not go by it. */
  stage: ModelStage;
  notes: string;
  /** Who changed the notes last; null while they are those it was published with. */
  noted: { by: string; atMs: number } | null;
  lineage: ModelLineage;
}

type ModelStage = 'none' | 'staging' | 'production' | 'archived';

interface ModelLineage {
  dataset: string;
  dataSha256: string;
  script: string;
  seed: number;
  /** Manifest hash of the version it was made from. */
  parent: string | null;
  /** Null when it was not pulled from MLflow. */
  mlflow: {
    trackingUri: string;
    runId: string | null;
    modelName: string | null;
    modelVersion: number | null;
  } | null;
}

/** `GET /api/models/{name}/{version or alias}/lineage` */
export interface LineageView extends ModelView {
  /** The nearest first; `title` null for one that was never published here. */
  parents: { manifestSha256: string; title: string | null }[];
  children: { manifestSha256: string; title: string }[];
}

/** `GET /api/models/{name}/{version or alias}` */
export interface ModelDetailView extends ModelView {
  ref: ModelRef;
}

export type RolloutState =
  | 'advancing'
  | 'holding'
  | 'waiting-for-approval'
  | 'paused'
  | 'done'
  | 'rolled-back'
  | 'aborted';

export interface RolloutView {
  id: string;
  slot: string;
  from: string;
  to: string;
  state: RolloutState;
  /** Index of the stage under way. */
  stage: number;
  stages: RolloutStage[];
  plan: RolloutPlanView;
  /** In words, with the numbers it rests on. */
  reason: string;
  startedAtMs: number;
  updatedAtMs: number;
  evidence: {
    /** Samples with a label on which both models spoke. */
    pairs: number;
    /** Pairs on which only one of them was right, weighted by what the error costs. */
    challengerBetter: number;
    championBetter: number;
    championMetric: number | null;
    challengerMetric: number | null;
    metricName: string;
    /** Null before there is a label to go by. */
    difference: DifferenceView | null;
    /** More labelled pairs, if they look like those so far; null when nobody can tell, or they would not do. */
    needed: number | null;
    /** Labelled pairs a day at the pace of this stage. */
    perDay: number | null;
  };
  /** How the evidence came about, oldest first. */
  curve: ({ timeMs: number; stage: number; pairs: number } & DifferenceView)[];
  /** Inputs that drift, which is held against neither model. */
  drifting: { device: string; feature: string }[];
  /** Devices that run the new model (as challenger or champion), by id. */
  devices: string[];
  /** Every decision so far, newest first, at most 20. */
  decisions: { timeMs: number; state: RolloutState; stage: number; reason: string }[];
}

/**
 * Old model's cost of errors less the new one's, a labelled sample (for `f-beta`: a real positive), where the worst
 * error costs 1: above 0 the new model does better. `low` and `high` hold at every look together.
 */
interface DifferenceView {
  mean: number;
  low: number;
  high: number;
}

/** What was settled when the rollout began. */
interface RolloutPlanView {
  /** How often at most it goes on though the new model is worse by `margin`, or is stopped though it is not worse. */
  alpha: number;
  margin: number;
  /** Labelled pairs that each stage must have of its own. */
  minPairs: number;
  maxFailedShare: number;
  /** When it may go on to the next stage: any time where there are none. */
  windows: WeeklyWindow[];
  timeZone?: string | undefined;
}

export interface RolloutStage {
  /** Share of the matching devices, 0..1 (at least one device). */
  devices: number;
  /** Share of samples that the new model decides there; 1 makes it champion. */
  traffic: number;
  /** A person has to let the rollout into this stage. */
  approval?: boolean;
}

/** `POST /api/rollouts` */
export interface StartRolloutRequest {
  slot: string;
  /** `milling-failure@2` or `milling-failure@champion` */
  model: string;
  /** Only devices with all these labels. */
  labels?: Record<string, string>;
  stages?: RolloutStage[];
  /** By how much it may be worse, as `RolloutPlanView.margin`; absent: the server's. */
  margin?: number;
  /** When it may go on to the next stage; absent: any time. */
  windows?: WeeklyWindow[];
  timeZone?: string;
}

/** `GET /api/metrics/{slot}` */
export interface SlotMetricsView {
  slot: string;
  /** Device time, ms since the Unix epoch, of the labelled predictions that were counted; 0 without any. */
  fromMs: number;
  untilMs: number;
  /** The curve has one point a span. */
  spanMs: number;
  /** Published versions that decided in the slot, the newest there first. */
  versions: VersionMetricView[];
}

export interface VersionMetricView extends MetricReport {
  title: string;
  manifestSha256: string;
  /** When it first decided in the slot. */
  firstMs: number;
  /** Corrected where that makes a difference; spans without labels are left out. The oldest first. */
  curve: CurvePoint[];
}

interface CurvePoint extends ShownEstimate {
  fromMs: number;
}
