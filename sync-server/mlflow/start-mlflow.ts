/** Joins the parts that keep in touch with MLflow. */
import type { Logger } from 'pino';
import type { Counters } from '../../daemon/counters.ts';
import type { Clock } from '../clock.ts';
import type { ServerConfig } from '../config/schema.ts';
import type { RolloutConductor } from '../rollouts/conductor.ts';
import type { FleetControl } from '../rollouts/fleet-control.ts';
import type { ServerStore } from '../store/server-store.ts';
import { AliasWatch } from './alias-watch.ts';
import { mlflowAuthorization } from './credentials.ts';
import { MlflowClient } from './mlflow-client.ts';
import { MlflowLink } from './mlflow-link.ts';
import { RunReporter } from './run-reporter.ts';

export interface MlflowDeps {
  readonly store: ServerStore;
  readonly fleet: Pick<FleetControl, 'devices'>;
  readonly conductor: Pick<RolloutConductor, 'startRollout'>;
  readonly clock: Clock;
  readonly counters: Counters;
  readonly log: Logger;
}

/** @throws CodedError MLFLOW_URI_INVALID, MLFLOW_LOGIN_UNREADABLE */
export function startMlflow(config: NonNullable<ServerConfig['mlflow']>, deps: MlflowDeps): MlflowLink {
  const { store, fleet, conductor, clock, counters, log } = deps;
  const client = new MlflowClient({
    trackingUri: config.trackingUri,
    authorization: mlflowAuthorization(config, process.env),
  });
  const watch = new AliasWatch({
    store,
    client,
    models: config.models,
    fleet,
    startRollout: (request) => conductor.startRollout(request),
    clock,
    log,
  });
  const link = new MlflowLink({
    store,
    watch,
    reporter: config.report ? new RunReporter({ store, client, clock, counters, log }) : undefined,
    trackingUri: client.trackingUri,
    pollS: config.pollS,
    counters,
    log,
  });
  link.start();
  return link;
}
