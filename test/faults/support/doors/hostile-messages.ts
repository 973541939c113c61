/** Messages that no honest device or server sends, seeded. */
import fc from 'fast-check';
import type { Random } from '../../../../agent/sources/random.ts';
import { DECODERS } from '../../../property/support/decoders.ts';
import { inputs } from '../../../property/support/mutations.ts';

const LONGEST_RUBBISH_BYTES = 2000;
const OF_THE_WIRE = /^(?:message|batch: whole|envelope: opened|chunk$)/;

/** Bytes that are no message of any kind. */
export function rubbish(count: number, random: Random): Buffer[] {
  return Array.from({ length: count }, () => {
    const bytes = Array.from({ length: 10 + Math.floor(random.uniform() * LONGEST_RUBBISH_BYTES) }, () =>
      Math.floor(random.uniform() * 256),
    );
    return Buffer.from([0xff, 0xfe, ...bytes]);
  });
}

/** Changed messages of every kind: some are still valid, for a device or a topic that is not theirs. */
export function changedMessages(count: number, seed: number): Buffer[] {
  const seeds = DECODERS.filter(({ name }) => OF_THE_WIRE.test(name)).flatMap((decoder) => decoder.seeds);
  return fc.sample(inputs(seeds), { seed, numRuns: count });
}
