/** What a rollout asks of the store: what happened where both models looked at the same labelled sample. */

/** Samples with the same truth, the same two opinions and the same trust in the label. */
export interface PairCount {
  /** Index of the true label, by the latest feedback. */
  readonly truth: number;
  readonly champion: number;
  readonly challenger: number;
  /** Trust in the label, 0..1, and less of it where such samples are seen more often than others. */
  readonly weight: number;
  readonly count: number;
}

/** Pairs as they were seen, with the chance of seeing their truth at all. */
export interface SeenPairCount extends PairCount {
  readonly propensity: number;
  /** The old model would have rejected it, and it went on for inspection by chance. */
  readonly explored: boolean;
  /** Chance that a full device kept it, (0, 1]. */
  readonly keptShare: number;
}

export interface Guardrails {
  /** Predictions by the challenger, any role; those that a full device could not keep are estimated from those it kept. */
  readonly predictions: number;
  /** Devices that refused it or rolled it back by themselves, with the reason. */
  readonly failures: readonly { device: string; reason: string }[];
  /** Inputs that drift now, by what the devices said last. */
  readonly drifting: readonly { device: string; feature: string }[];
}

export interface EvidenceSource {
  /**
   * Only samples that are old enough for the slow labels to be here too; else those with quick ones would weigh too much.
   * @param sinceMs only samples predicted after this (device wall clock)
   */
  pairs(query: { slot: string; champion: string; challenger: string; sinceMs: number }): SeenPairCount[];
  guardrails(query: { slot: string; challenger: string; sinceMs: number }): Guardrails;
}
