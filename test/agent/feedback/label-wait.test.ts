import { expect, it } from 'vitest';
import { withLabelWaits } from '../../../agent/feedback/label-wait.ts';

const REPORT = { champion: null, challenger: null, install: null };
const absence = (withinMs: number) => ({
  name: 'fine',
  when: 'absence' as const,
  event: 'failed',
  label: 'ok',
  weight: 1,
  precedence: 200,
  withinMs,
});

it('says the longest wait of each slot, and none where no rule concludes from silence', () => {
  const slots = {
    mill: { feedback: [absence(2000), absence(60_000)] },
    press: { feedback: [] },
  };
  expect(withLabelWaits({ mill: REPORT, press: REPORT, unknown: REPORT }, slots)).toEqual({
    mill: { ...REPORT, labelsAfterMs: 60_000 },
    press: REPORT,
    unknown: REPORT,
  });
});
