import { expect, it } from 'vitest';
import { labelDrift, pairDrift } from '../../../agent/monitor/drift-events.ts';
import { inputFault, rateChange } from '../../../agent/monitor/input-events.ts';
import { sampleDrift } from '../http/sample-view.ts';

it('names the pair that changed most, counts the others, and says when all is as before', () => {
  const pairs = [
    { features: ['a', 'b'] as const, baseline: 0.5, now: 0.1 },
    { features: ['a', 'c'] as const, baseline: -0.9, now: 0.2 },
  ];
  expect(pairDrift('milling', pairs)).toMatchObject({
    severity: 'warning',
    message:
      'a and c of milling no longer move together as they did in training (correlation 0.20, was -0.90). And 1 more pair.',
  });
  expect(pairDrift('milling', [])).toMatchObject({ severity: 'info' });
});

it('names the label that is said more often', () => {
  const drift = sampleDrift({ drifting: true, shares: [0.8, 0.2], baselineShares: [0.97, 0.03] });
  expect(labelDrift('milling', ['ok', 'failure'], drift).message).toBe(
    'The model of milling says "failure" for 20.0% of samples; on its training data it was 3.0%.',
  );
});

it('says how an input fails, and what to do', () => {
  expect(inputFault('milling', { feature: 'torque_nm', fault: 'stuck', share: 0.5 }, true).message).toBe(
    '50% of the last values of torque_nm of milling stand still. Check the sensor and its cable.',
  );
});

it('says rates as people do', () => {
  expect(rateChange('milling', { nowPerS: 0.2, usualPerS: 2 }).message).toMatch(
    /come every 5\.0 s; it was 2\.0 times a second\./,
  );
});
