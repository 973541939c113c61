/** Faults of each feature: since the start, and of late. */

const FAULTS = ['missing', 'outOfRange', 'stuck'] as const;
export type Fault = (typeof FAULTS)[number];

/** Samples a block; what is of late are the last two of them. */
const BLOCK = 100;
/** Share of the samples of late from which a fault is worth telling, and below which it is over. */
const BEGINS = 0.05;
const ENDS = 0.02;

export interface FeatureFaults {
  readonly feature: string;
  /** Counts since the start. */
  readonly missing: number;
  readonly outOfRange: number;
  readonly stuck: number;
}

/** A fault that lasts. */
export interface LastingFault {
  readonly feature: string;
  readonly fault: Fault;
  /** Of the last 200 samples, 0..1. */
  readonly share: number;
}

/** Constant memory, no allocation a sample. */
export class FaultCounts {
  readonly #features: readonly string[];
  readonly #onChange: (fault: LastingFault, begins: boolean) => void;
  /** All features of one fault after the other. */
  readonly #counts: Float64Array;
  readonly #atBlock: Float64Array;
  readonly #atBlockBefore: Float64Array;
  readonly #shares: Float64Array;
  readonly #lasting: Uint8Array;
  #inBlock = 0;

  constructor(
    features: readonly string[],
    onChange: (fault: LastingFault, begins: boolean) => void = () => undefined,
  ) {
    const length = features.length * FAULTS.length;
    this.#features = features;
    this.#onChange = onChange;
    this.#counts = new Float64Array(length);
    this.#atBlock = new Float64Array(length);
    this.#atBlockBefore = new Float64Array(length);
    this.#shares = new Float64Array(length);
    this.#lasting = new Uint8Array(length);
  }

  add(fault: Fault, feature: number): void {
    const i = FAULTS.indexOf(fault) * this.#features.length + feature;
    this.#counts[i] = (this.#counts[i] as number) + 1;
  }

  /** A sample has been looked at. */
  sampleDone(): void {
    this.#inBlock += 1;
    if (this.#inBlock < BLOCK) return;
    this.#inBlock = 0;
    for (let i = 0; i < this.#counts.length; i++) this.#judge(i);
    this.#atBlockBefore.set(this.#atBlock);
    this.#atBlock.set(this.#counts);
  }

  /** Of features with any fault. */
  sinceStart(): FeatureFaults[] {
    return this.#features
      .map((feature, i) => ({
        feature,
        missing: this.#at(0, i),
        outOfRange: this.#at(1, i),
        stuck: this.#at(2, i),
      }))
      .filter(({ missing, outOfRange, stuck }) => missing + outOfRange + stuck > 0);
  }

  /** What is wrong now. */
  lasting(): LastingFault[] {
    return Array.from(this.#lasting.keys())
      .filter((i) => this.#lasting[i] === 1)
      .map((i) => this.#faultAt(i));
  }

  #judge(i: number): void {
    this.#shares[i] = ((this.#counts[i] as number) - (this.#atBlockBefore[i] as number)) / (2 * BLOCK);
    const fault = this.#faultAt(i);
    const lasts = this.#lasting[i] === 1;
    if (lasts ? fault.share >= ENDS : fault.share < BEGINS) return;
    this.#lasting[i] = lasts ? 0 : 1;
    this.#onChange(fault, !lasts);
  }

  #faultAt(i: number): LastingFault {
    const width = this.#features.length;
    return {
      feature: this.#features[i % width] as string,
      fault: FAULTS[Math.floor(i / width)] as Fault,
      share: this.#shares[i] as number,
    };
  }

  #at(fault: number, feature: number): number {
    return this.#counts[fault * this.#features.length + feature] as number;
  }
}
