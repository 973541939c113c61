/** What the fleet console sees: `GET /api/fleet`, and `GET /api/trust`. */
import type { Reported } from '../../protocol/messages.ts';
import type { Severity, Stream } from '../../protocol/records.ts';
import type { DeadLetterView } from './dead-letter.ts';
import type { MlflowView } from './mlflow.ts';
import type { ModelView } from './model.ts';
import type { RetrainProposalView } from './retrain-proposal.ts';
import type { RolloutView } from './rollout.ts';

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

/** `GET /api/trust` */
export interface TrustView {
  /** Raw Ed25519 key, hex. */
  serverPublicKey: string;
  /** Whether the root gives that key the online role: without it nothing new reaches a device. */
  online: boolean;
  /** Null before a root was published. `signedUntilMs`: when root or list end, whichever is first. */
  metadata: { root: number; targets: number; timestamp: number; signedUntilMs: number } | null;
}
