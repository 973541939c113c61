/** What the models take and give, each looked up once: the engine alone knows all outputs of a graph. */
import type { GraphSignature } from '../../inference/tensor.ts';
import type { ActiveModel } from '../../models/active-models.ts';
import { type ModelSpec, specOf } from './model-view.ts';

/** As `Engine.signature`. */
type SignatureOf = (manifestSha256: string) => Promise<GraphSignature>;

export class ModelSpecs {
  readonly #signatureOf: SignatureOf;
  readonly #known = new WeakMap<ActiveModel, ModelSpec>();

  constructor(signatureOf: SignatureOf) {
    this.#signatureOf = signatureOf;
  }

  /** @throws CodedError MODEL_NOT_ACTIVE, ENGINE_* when the engine cannot say */
  async of(model: ActiveModel): Promise<ModelSpec> {
    const known = this.#known.get(model);
    if (known) return known;
    const spec = specOf(model, await this.#signatureOf(model.manifestSha256));
    this.#known.set(model, spec);
    return spec;
  }
}
