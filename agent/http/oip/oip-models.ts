/** The models of this device as the Open Inference Protocol sees them: what both of its transports answer from. */
import type { Clock } from '../../clock.ts';
import { agentError } from '../../errors.ts';
import type { GraphSignature } from '../../inference/tensor.ts';
import type { ActiveModel, ActiveModels, SlotModels } from '../../models/active-models.ts';
import type { InferenceFigures } from '../../monitor/inference-figures.ts';
import type { Ask, Asked } from '../../pipeline/ask.ts';
import type { InferRequest } from './infer-request.ts';
import type { InferAnswer } from './infer-response.ts';
import { infer } from './inference-handler.ts';
import { type ModelStatistics, statisticsView } from './inference-statistics.ts';
import { ModelSpecs } from './model-specs.ts';
import {
  configOf,
  type ModelConfig,
  type ModelMetadata,
  type ModelSpec,
  metadataOf,
  unknownModel,
  versionOf,
  versionsOf,
} from './model-view.ts';

interface OipSlot {
  /** Of a batch. */
  readonly maxRows: number;
}

export interface OipModelsDeps {
  readonly slots: ReadonlyMap<string, OipSlot>;
  readonly models: ActiveModels;
  /** As `Pipeline.ask`. */
  readonly ask: (slot: string, ask: Ask) => Promise<Asked>;
  /** As `Engine.signature`. */
  readonly signature: (manifestSha256: string) => Promise<GraphSignature>;
  readonly figures: Pick<InferenceFigures, 'all' | 'failed'>;
  readonly engineAlive: () => boolean;
  readonly agentVersion: string;
  readonly clock: Clock;
}

export interface IndexEntry {
  readonly name: string;
  readonly version?: string;
  readonly state: string;
  readonly reason: string;
}

const EXTENSIONS = [
  'binary_tensor_data',
  'classification',
  'model_configuration',
  'model_repository',
  'statistics',
];

/** A version that is undefined is the champion's. All methods throw MODEL_UNKNOWN, MODEL_NOT_ACTIVE. */
export class OipModels {
  readonly #deps: OipModelsDeps;
  readonly #specs: ModelSpecs;

  constructor(deps: OipModelsDeps) {
    this.#deps = deps;
    this.#specs = new ModelSpecs(deps.signature);
  }

  server(): { name: string; version: string; extensions: readonly string[] } {
    return { name: 'andon', version: this.#deps.agentVersion, extensions: EXTENSIONS };
  }

  isReady(): boolean {
    const { engineAlive, models, slots } = this.#deps;
    return engineAlive() && [...slots.keys()].every((slot) => models.of(slot));
  }

  isModelReady(slot: string, version?: string): boolean {
    return this.#model(slot, version) !== undefined && this.#deps.engineAlive();
  }

  async spec(slot: string, version?: string): Promise<ModelSpec> {
    return this.#specs.of(this.#model(slot, version));
  }

  async metadata(slot: string, version?: string): Promise<ModelMetadata> {
    return metadataOf(slot, this.#modelsOf(slot), await this.spec(slot, version));
  }

  async config(slot: string, version?: string): Promise<ModelConfig> {
    return configOf(slot, await this.spec(slot, version), this.#deps.slots.get(slot)?.maxRows ?? 1);
  }

  /** @param slot undefined: of all slots */
  statistics(slot?: string, version?: string): ModelStatistics[] {
    if (slot === undefined) return [...this.#deps.slots.keys()].flatMap((each) => this.#statisticsOf(each));
    this.#model(slot, version);
    return this.#statisticsOf(slot, version);
  }

  index(): IndexEntry[] {
    const { models, slots } = this.#deps;
    return [...slots.keys()].flatMap((name): IndexEntry[] => {
      const active = models.of(name);
      if (!active) return [{ name, state: 'UNAVAILABLE', reason: 'the slot has no model yet' }];
      return versionsOf(active).map(({ manifest }) => ({
        name,
        version: String(manifest.version),
        state: 'READY',
        reason: '',
      }));
    });
  }

  /**
   * @param read the request, out of whatever form it came in
   * @throws CodedError REQUEST_INVALID, QUEUE_FULL, REQUEST_TIMEOUT, ENGINE_*
   */
  async infer(
    slot: string,
    version: string | undefined,
    read: (spec: ModelSpec) => InferRequest,
  ): Promise<{ request: InferRequest; answer: InferAnswer }> {
    const spec = await this.spec(slot, version);
    return infer(this.#deps, slot, spec, () => read(spec));
  }

  #model(slot: string, version: string | undefined): ActiveModel {
    return versionOf(slot, this.#modelsOf(slot), version);
  }

  #modelsOf(slot: string): SlotModels {
    const { slots, models } = this.#deps;
    if (!slots.has(slot)) throw unknownModel(slot, undefined);
    const active = models.of(slot);
    if (active) return active;
    throw agentError('MODEL_NOT_ACTIVE', `Request for unknown model: '${slot}' has no available versions`);
  }

  #statisticsOf(slot: string, version?: string): ModelStatistics[] {
    const models = this.#deps.models.of(slot);
    const all = this.#deps.figures.all().filter((each) => each.slot === slot);
    return (models ? versionsOf(models) : [])
      .filter(({ manifest }) => version === undefined || String(manifest.version) === version)
      .map(({ manifest: { name, version: number } }) => {
        const own = all.find((each) => each.model === name && each.version === number);
        return statisticsView(slot, String(number), own);
      });
  }
}

/** @throws CodedError MODEL_CONTROL_REFUSED */
export function refuseControl(): never {
  throw agentError(
    'MODEL_CONTROL_REFUSED',
    'explicit model load / unload is not allowed: models come signed, with a rollout or a bundle',
  );
}
