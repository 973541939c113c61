/** What is told of broken inputs, in words. Pure. */
import type { NewEvent } from '../store/records.ts';
import type { Fault, LastingFault } from './fault-counts.ts';
import type { RateChange } from './sample-rate.ts';

type Told = Pick<NewEvent, 'kind' | 'severity' | 'message' | 'data'>;

const WORDS: Record<Fault, string> = {
  missing: 'are missing',
  outOfRange: 'lie outside of what is physically possible',
  stuck: 'stand still',
};

export function inputFault(slot: string, { feature, fault, share }: LastingFault, begins: boolean): Told {
  const percent = Math.round(100 * share);
  return {
    kind: 'input-fault',
    severity: begins ? 'warning' : 'info',
    message: begins
      ? `${percent}% of the last values of ${feature} of ${slot} ${WORDS[fault]}. Check the sensor and its cable.`
      : `The values of ${feature} of ${slot} come again as they should.`,
    data: { feature, fault, share, begins },
  };
}

export function rateChange(slot: string, { nowPerS, usualPerS }: RateChange): Told {
  return {
    kind: 'sample-rate-changed',
    severity: 'warning',
    message: `Samples of ${slot} come ${often(nowPerS)}; it was ${often(usualPerS)}. Check whether the source was set to another rate.`,
    data: { nowPerS, usualPerS },
  };
}

function often(perS: number): string {
  if (perS >= 1) return `${perS.toFixed(1)} times a second`;
  return `every ${(1 / perS).toFixed(1)} s`;
}
