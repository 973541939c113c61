/** Puts the fleet view together from the store: what the console and the CLI see. */

import type { Counters } from '../../daemon/counters.ts';
import { STREAMS, type Stream } from '../../protocol/records.ts';
import type { Clock } from '../clock.ts';
import { isOnline } from '../registry/fleet.ts';
import { fleetDrift } from '../registry/fleet-drift.ts';
import type { ModelCatalog } from '../registry/model-catalog.ts';
import type { DeviceRow } from '../store/device-table.ts';
import type { ServerStore } from '../store/server-store.ts';
import type { DeviceView, FleetView, TrustView } from '../views/fleet.ts';
import type { MlflowView } from '../views/mlflow.ts';
import type { RetrainProposalView } from '../views/retrain-proposal.ts';
import type { RolloutView } from '../views/rollout.ts';
import { deadLetterView } from './dead-letter-routes.ts';

export interface FleetViewDeps {
  readonly store: ServerStore;
  readonly catalog: Pick<ModelCatalog, 'views'>;
  readonly rollouts: { views(): RolloutView[] };
  readonly mlflowView: () => MlflowView | null;
  readonly retraining: { views(): readonly RetrainProposalView[] };
  readonly counters: Counters;
  readonly clock: Clock;
  readonly server: FleetView['server'];
  readonly trustView: () => TrustView;
}

const EVENTS_SHOWN = 50;
const DEAD_LETTERS_SHOWN = 10;

export function fleetView(deps: FleetViewDeps): FleetView {
  const { store, clock } = deps;
  const nowMs = clock.wallMs();
  const models = deps.catalog.views();
  const titles = new Map(models.map(({ manifestSha256, title }) => [manifestSha256, title]));
  return {
    nowMs,
    server: deps.server,
    trust: deps.trustView(),
    devices: store.devices.all().map((device) => deviceView(store, device, nowMs)),
    models,
    rollouts: deps.rollouts.views(),
    mlflow: deps.mlflowView(),
    retraining: [...deps.retraining.views()],
    events: store.records.recentEvents(EVENTS_SHOWN),
    drift: fleetDrift(store.profiles.newest(), (sha256) => titles.get(sha256)),
    refused: refusals(deps.counters),
    deadLetters: {
      kept: store.deadLetters.count,
      newest: store.deadLetters.newest(DEAD_LETTERS_SHOWN).map(deadLetterView),
    },
  };
}

/** Names with a dot count other things than refused messages; `GET /api/health` has them all. */
function refusals(counters: Counters): Record<string, number> {
  return Object.fromEntries(Object.entries(counters.snapshot()).filter(([code]) => !code.includes('.')));
}

function deviceView(store: ServerStore, device: DeviceRow, nowMs: number): DeviceView {
  const { id, labels, lastSeenMs, agentVersion, statusUrl, storeEpoch, reported } = device;
  const cursors = store.cursors.ofEpoch(id, storeEpoch);
  const received = Object.fromEntries(STREAMS.map((stream) => [stream, cursors[stream].committedSeq]));
  return {
    id,
    labels,
    online: isOnline(device, nowMs),
    lastSeenMs,
    agentVersion,
    statusUrl,
    storeEpoch,
    received: received as Record<Stream, number>,
    dropped: STREAMS.reduce((sum, stream) => sum + cursors[stream].dropped, 0),
    reported,
    generation: store.desired.of(id)?.generation ?? 0,
  };
}
