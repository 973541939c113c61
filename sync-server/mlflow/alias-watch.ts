/**
 * Looks where aliases in MLflow point. One that moves to a version that was published here may start a rollout; for any
 * other it says what to do, since the server holds no release key and so cannot put a model on the signed list.
 */
import type { Logger } from 'pino';
import { CodedError } from '../../protocol/errors.ts';
import type { Clock } from '../clock.ts';
import type { ServerConfig } from '../config/schema.ts';
import type { FleetControl } from '../rollouts/fleet-control.ts';
import type { PublishedModel } from '../store/model-table.ts';
import type { ServerStore } from '../store/server-store.ts';
import type { MlflowAliasView } from '../views/mlflow.ts';
import type { RolloutView, StartRolloutRequest } from '../views/rollout.ts';
import type { MlflowClient } from './mlflow-client.ts';
import { getByAlias } from './model-source.ts';

export type WatchedAlias = NonNullable<ServerConfig['mlflow']>['models'][string];

export interface AliasWatchDeps {
  readonly store: ServerStore;
  readonly client: MlflowClient;
  /** By our name of the model. */
  readonly models: Readonly<Record<string, WatchedAlias>>;
  readonly fleet: Pick<FleetControl, 'devices'>;
  readonly startRollout: (request: StartRolloutRequest) => RolloutView;
  readonly clock: Clock;
  readonly log: Logger;
}

interface Told {
  readonly words: string;
  readonly commands?: string[];
}

/** It concerns one alias, not the way to MLflow. */
const OF_THE_ALIAS = new Set(['MLFLOW_NOT_FOUND', 'MLFLOW_REFUSED']);

export class AliasWatch {
  readonly #deps: AliasWatchDeps;
  readonly #views = new Map<string, MlflowAliasView>();

  constructor(deps: AliasWatchDeps) {
    this.#deps = deps;
  }

  views(): MlflowAliasView[] {
    return [...this.#views.values()];
  }

  /** @throws CodedError of `MlflowClient.get` where MLflow as a whole cannot be asked */
  async look(signal: AbortSignal): Promise<void> {
    for (const [model, watched] of Object.entries(this.#deps.models)) {
      try {
        const { version } = await getByAlias(this.#deps.client, watched.name, watched.alias, signal);
        this.#tell(model, watched, version, this.#follow(model, watched, version));
      } catch (error) {
        if (!(error instanceof CodedError) || !OF_THE_ALIAS.has(error.code)) throw error;
        this.#tell(model, watched, null, { words: error.message });
      }
    }
  }

  #follow(model: string, watched: WatchedAlias, version: number): Told {
    const { store } = this.#deps;
    const published = store.models.all().find(({ ref, manifest: { lineage } }) => {
      const { modelName, modelVersion } = lineage.mlflow ?? {};
      return ref.name === model && modelName === watched.name && modelVersion === version;
    });
    if (!published) {
      return { words: 'is not published here yet', commands: this.#commands(model, watched, version) };
    }
    if (!watched.rollout || watched.slot === undefined) {
      this.#done(model, version, 'mlflow-alias-moved', published);
      return { words: `is ${published.ref.name}@${published.ref.version} here` };
    }
    return { words: this.#rollOut(model, watched.slot, version, published) };
  }

  #rollOut(model: string, slot: string, version: number, { ref }: PublishedModel): string {
    const { store, clock, startRollout } = this.#deps;
    const address = `${ref.name}@${ref.version}`;
    const seen = store.mlflow.seen(model);
    if (seen?.version === version && seen.state === 'done') return `is ${address} here, and was dealt with`;
    // The row of a start that a crash cut short: the rollout may have begun.
    const since = seen?.version === version ? seen.timeMs : undefined;
    const begun =
      since !== undefined &&
      store.rollouts
        .all()
        .find(({ to, startedAtMs }) => to.manifestSha256 === ref.manifestSha256 && startedAtMs >= since);
    if (begun) {
      this.#done(model, version);
      return `is ${address} here; rollout ${begun.id} has begun`;
    }
    if (this.#runsEverywhere(slot, ref.manifestSha256)) {
      this.#done(model, version);
      return `is ${address} here, and runs on every device already`;
    }
    if (since === undefined) store.mlflow.see(model, { version, state: 'starting', timeMs: clock.wallMs() });
    try {
      const { id } = startRollout({ slot, model: address });
      this.#done(model, version, `mlflow-rollout-started ${id}`);
      return `is ${address} here; rollout ${id} has begun`;
    } catch (error) {
      // Another rollout under way, no device yet: the next look may find it otherwise.
      if (!(error instanceof CodedError)) throw error;
      return `is ${address} here, but is not rolled out: ${error.message}`;
    }
  }

  #runsEverywhere(slot: string, manifestSha256: string): boolean {
    const champions = this.#deps.fleet
      .devices()
      .flatMap(({ reported }) => reported?.slots[slot]?.champion?.manifestSha256 ?? []);
    return champions.length > 0 && champions.every((champion) => champion === manifestSha256);
  }

  #done(model: string, version: number, action?: string, published?: PublishedModel): void {
    const { store, clock } = this.#deps;
    const seen = store.mlflow.seen(model);
    if (seen?.version === version && seen.state === 'done') return;
    const timeMs = clock.wallMs();
    store.transaction(() => {
      store.mlflow.see(model, { version, state: 'done', timeMs });
      if (!action) return;
      const here = published ? ` is ${published.ref.name}@${published.ref.version}` : '';
      store.audit.append({ timeMs, who: 'mlflow', action, subject: `${model}, version ${version}${here}` });
    });
  }

  #commands(model: string, watched: WatchedAlias, version: number): string[] {
    const earlier = this.#deps.store.models.all().findLast(({ ref }) => ref.name === model)?.ref.version ?? 0;
    const next = Math.max(version, earlier + 1);
    const folder = `pulled/${model}-${next}`;
    return [
      `andon mlflow pull "models:/${watched.name}/${version}" --as ${model}@${next} -o ${folder} --tracking-uri ${this.#deps.client.trackingUri}`,
      `andon sign ${folder}`,
      `andon publish ${folder} --keys keys`,
    ];
  }

  #tell(model: string, { name, alias }: WatchedAlias, version: number | null, what: Told): void {
    const before = this.#views.get(model);
    this.#views.set(model, { model, name, alias, version, commands: [], ...what });
    if (before?.words === what.words && before.version === version) return;
    const address = `${name}@${alias}${version === null ? '' : ` (version ${version})`}`;
    this.#deps.log.info(
      { event: 'mlflow-alias', model, version, commands: what.commands },
      `${address}: ${what.words}`,
    );
  }
}
