/**
 * A model on trial in a process apart: it is loaded and tested beside the process that works, so that neither its loading
 * nor what it does there touches the line. When it is adopted, that process takes over.
 */
import type { Engine, EngineBatch, EngineModel, EngineResult, RunOptions, Trial } from './engine.ts';
import { loadRequest } from './engine-job.ts';
import type { EngineAnswer, LoadRequest } from './engine-messages.ts';
import { runBatch } from './engine-run.ts';
import type { EngineSuccessor } from './engine-successor.ts';

export class EngineTrial implements Trial {
  readonly #request: LoadRequest;
  readonly #successor: EngineSuccessor;
  readonly #nextId: () => number;
  #beforeBytes = 0;

  /** @param successor not started yet */
  constructor(model: EngineModel, successor: EngineSuccessor, nextId: () => number) {
    this.#request = loadRequest(nextId(), model);
    this.#successor = successor;
    this.#nextId = nextId;
  }

  /** Loads what works here, then the model. @throws CodedError ENGINE_*, SELF_TEST_IMPOSSIBLE */
  async start(): Promise<void> {
    await this.#successor.start();
    this.#beforeBytes = await this.#successor.rssBytes();
    await this.#successor.loadNewcomer(this.#request.model, this.#request);
  }

  async run(batch: EngineBatch, options: RunOptions = {}): Promise<EngineResult> {
    const ask: EngineSuccessor['ask'] = (request, given) => this.#successor.ask(request, given);
    const { model, spec } = this.#request;
    return runBatch({ model, spec, nextId: this.#nextId, ask }, batch, options);
  }

  async growthBytes(): Promise<number> {
    return (await this.#successor.rssBytes()) - this.#beforeBytes;
  }

  async adopt(): Promise<void> {
    await this.#successor.adopt();
  }

  discard(): void {
    this.#successor.discard();
  }
}

/** Of the first model, in a process that has no other: it is loaded where it will work. */
export async function trialInPlace(
  model: EngineModel,
  engine: Pick<Engine, 'load' | 'run' | 'unload'>,
  measure: () => Promise<EngineAnswer>,
): Promise<Trial> {
  const rssBytes = async () => {
    const answer = await measure();
    return answer.kind === 'done' ? answer.rssBytes : 0;
  };
  const beforeBytes = await rssBytes();
  await engine.load(model);
  return {
    run: (batch, options) => engine.run(model.manifestSha256, batch, options),
    growthBytes: async () => (await rssBytes()) - beforeBytes,
    adopt: async () => undefined,
    discard: () => void engine.unload(model.manifestSha256).catch(() => undefined),
  };
}
