/** The limit: a `session.run` loop in the bench's own process, with nothing around it. */
import { join } from 'node:path';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import type { BenchModel } from './bench-model.ts';
import { paced } from './result.ts';

const BARE_MS = 2000;

export class BareLoop {
  readonly #session: InferenceSession;
  readonly #model: BenchModel;

  private constructor(session: InferenceSession, model: BenchModel) {
    this.#session = session;
    this.#model = model;
  }

  static async open(model: BenchModel): Promise<BareLoop> {
    const options = { intraOpNumThreads: 1, interOpNumThreads: 1 };
    const path = join(model.folder, model.manifest.model.file);
    return new BareLoop(await InferenceSession.create(path, options), model);
  }

  /** @returns rows a second */
  async perSecond(batch: number): Promise<number> {
    const { rows } = this.#model;
    const width = rows[0]?.length ?? 0;
    const data = new Float32Array(batch * width);
    for (let i = 0; i < batch; i++) data.set(rows[i % rows.length] ?? [], i * width);
    let done = 0;
    const started = performance.now();
    while (performance.now() - started < BARE_MS) {
      await this.#run(new Tensor('float32', data, [batch, width]));
      done += batch;
    }
    return (done / (performance.now() - started)) * 1000;
  }

  /** @returns durations, microseconds */
  async pacedUs(): Promise<number[]> {
    const { rows } = this.#model;
    const durations: number[] = [];
    await paced(async (i) => {
      const row = rows[i % rows.length] as Float32Array;
      const started = performance.now();
      await this.#run(new Tensor('float32', row, [1, row.length]));
      durations.push((performance.now() - started) * 1000);
    });
    return durations;
  }

  async #run(tensor: Tensor): Promise<void> {
    const { input, output } = this.#model.manifest;
    if (input.kind === 'tensors') throw new Error('the bare loop knows models of one tensor only');
    const result = await this.#session.run({ [input.tensor]: tensor });
    if (!result[output.tensor]) throw new Error('no output');
  }
}
