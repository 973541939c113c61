/** A line that is fed without end while its models are swapped, and the ledger of what became of each sample. */
import type { StoredPrediction } from '../agent/store/records.ts';
import { goldenSchema, type Manifest } from '../protocol/manifest.ts';
import { parseManifest } from '../protocol/package-verify.ts';
import type { Package, SwapRig } from './swap-rig.ts';

/** Samples a turn of the event loop at full load. */
const BURST = 64;
/** Between two samples of a paced line. */
export const PACE_MS = 2;

/** Samples one after the other, and what became of each. */
export class Line {
  readonly #rig: SwapRig;
  readonly #rows: Record<string, number | string>[];
  /** Deciding predictions by number of the sample. */
  #decided = new Uint8Array(1 << 20);
  readonly latenciesUs: number[] = [];
  samples = 0;
  #stopped = false;

  constructor(rig: SwapRig, files: Package) {
    this.#rig = rig;
    this.#rows = rowsOf(files);
    rig.onCommitted = (predictions) => this.#count(predictions);
  }

  async feedAtFullLoad(): Promise<void> {
    while (!this.#stopped) {
      for (let i = 0; i < BURST && this.#rig.sink.hasRoom(); i++) this.#push();
      if (!this.#rig.sink.hasRoom()) await this.#rig.sink.ready();
      await new Promise((next) => setImmediate(next));
    }
  }

  async feedPaced(): Promise<void> {
    while (!this.#stopped) {
      this.#push();
      await new Promise((next) => setTimeout(next, PACE_MS));
    }
  }

  stop(): void {
    this.#stopped = true;
  }

  ledger(): { missed: number; doubled: number } {
    const counts = this.#decided.subarray(0, this.samples);
    return {
      missed: counts.reduce((sum, count) => sum + (count === 0 ? 1 : 0), 0),
      doubled: counts.reduce((sum, count) => sum + (count > 1 ? 1 : 0), 0),
    };
  }

  #push(): void {
    const number = this.samples++;
    const features = this.#rows[number % this.#rows.length] ?? {};
    this.#rig.sink.sample({ source: 'bench', timeMs: Date.now(), correlationId: String(number), features });
  }

  #count(predictions: readonly StoredPrediction[]): void {
    for (const { correlationId, latencyUs } of predictions) {
      const number = Number(correlationId);
      while (number >= this.#decided.length) {
        const grown = new Uint8Array(2 * this.#decided.length);
        grown.set(this.#decided);
        this.#decided = grown;
      }
      this.#decided[number] = (this.#decided[number] ?? 0) + 1;
      this.latenciesUs.push(latencyUs);
    }
  }
}

/** The package's golden inputs as a source would bring them. */
function rowsOf(files: Package): Record<string, number | string>[] {
  const manifest: Manifest = parseManifest(files.get('manifest.json') ?? Buffer.alloc(0));
  const golden = goldenSchema.parse(JSON.parse(String(files.get(manifest.golden.file))));
  const features = 'features' in manifest.input ? manifest.input.features : [];
  return golden.samples.map(({ input }) =>
    Object.fromEntries(
      features.map(({ name, categories }, i) => {
        const value = input[i] ?? 0;
        return [name, categories?.[value] ?? value];
      }),
    ),
  );
}
