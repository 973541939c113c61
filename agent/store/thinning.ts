/**
 * Which predictions a full store gives up so that the others stand for them. Pure.
 *
 * A sweep of level n halves what was halved fewer than n times: each prediction survives with a chance of one half, and
 * from then on stands for twice as many (Horvitz and Thompson 1952: weight = 1 / chance of being kept). The chance is
 * drawn from the prediction's own id, so that a sweep that is played again after a crash falls out alike.
 * What somebody will want to look at is notable, and is halved only `NOTABLE_HEAD_START` levels later. No draw depends on
 * what is in a prediction, so every weighted count, rate and metric is the same on average, however often was swept.
 */

/** Ordinary predictions are never thinned below 1 in 1024: then the oldest go whole. */
export const DEEPEST_LEVEL = 10;
const NOTABLE_HEAD_START = 4;

/** A deciding prediction and the shadow that saw the same sample: they stay or go together. */
export interface Sample {
  /** The agent start that made it, 8 hex digits, and the seq of the deciding prediction: its id. */
  readonly run: string;
  readonly seq: number;
  /** Share of its like that is kept by now, (0, 1]. */
  readonly keptShare: number;
  readonly notable: boolean;
}

/** What makes a sample notable, as the store knows it. */
export interface Remarks {
  /** INPUT_HEALTH bits, and whether the model was unsure. */
  readonly health: number;
  /** What the model that decided and the one that looked on said. */
  readonly labels: readonly number[];
  /** The label that stands; null while none does. */
  readonly truth: number | null;
  /** A person gave it. */
  readonly explicit: boolean;
}

/** @returns true where inputs were faulty or drifting, a model was unsure, two disagreed, one was wrong, or a person looked */
export function isNotable({ health, labels, truth, explicit }: Remarks): boolean {
  return (
    health !== 0 || explicit || labels.some((label) => label !== labels[0] || (truth ?? label) !== label)
  );
}

/** @returns the share that is left of such samples once the sweep has passed */
export function shareAfter(level: number, { keptShare, notable }: Omit<Sample, 'run' | 'seq'>): number {
  return Math.min(keptShare, 2 ** -Math.max(0, notable ? level - NOTABLE_HEAD_START : level));
}

/** @returns the first level whose sweep would halve it again */
export function nextLevel({ keptShare, notable }: Omit<Sample, 'run' | 'seq'>): number {
  return 1 - Math.log2(keptShare) + (notable ? NOTABLE_HEAD_START : 0);
}

/**
 * Whether the sample is among the share that stays, now that it is among `keptShare`. Each halving has a bit of its own, so
 * it also is fair where a sample got another id in between, as by a salvage.
 */
export function staysAt(share: number, { keptShare, run, seq }: Omit<Sample, 'notable'>): boolean {
  const unused = (bitsOf(run, seq) / keptShare) % 2 ** 32;
  return unused < (share / keptShare) * 2 ** 32;
}

/** 32 bits, the same for ever: two rounds of MurmurHash3's finaliser over run and seq. */
function bitsOf(run: string, seq: number): number {
  const low = mix(seq >>> 0) ^ Math.floor(seq / 2 ** 32);
  return mix(low ^ Number.parseInt(run, 16));
}

function mix(value: number): number {
  let h = value;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}
