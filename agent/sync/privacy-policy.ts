/** What leaves the device of a slot's predictions. */
import type { SlotConfig } from '../config/schema.ts';

export interface PrivacyPolicy {
  /** Predictions and their labels leave at all. */
  readonly leaves: boolean;
  /** Share of the predictions that take their input row along. */
  readonly inputsShare: number;
}

const INPUTS_SHARE = { none: 0, outputs: 0, features: 1 } as const;

/** @param slot undefined: it is not configured (any more), so nothing of it leaves */
export function policyOf(slot: Pick<SlotConfig, 'privacy' | 'sampledShare'> | undefined): PrivacyPolicy {
  const { privacy, sampledShare } = slot ?? { privacy: 'none', sampledShare: 0 };
  return {
    leaves: privacy !== 'none',
    inputsShare: privacy === 'sampled' ? sampledShare : INPUTS_SHARE[privacy],
  };
}

/** The same answer for the same record each time it is sent, and no pattern over a line that repeats itself. */
export function takesInputsAlong(seq: number, { inputsShare }: PrivacyPolicy): boolean {
  return scatter(seq) < inputsShare * 2 ** 32;
}

/** The finalizer of MurmurHash3: neighbours in, unrelated numbers in [0, 2^32) out. */
function scatter(seq: number): number {
  let h = (seq ^ Math.floor(seq / 2 ** 32)) >>> 0;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}
