import { afterEach, expect, it } from 'vitest';
import { Reporter } from '../../../agent/sync/reporter.ts';
import type { Reported } from '../../../protocol/messages.ts';
import { waitFor } from '../../support/wait-for.ts';

const state: Reported = {
  v: 1,
  device: 'press-1',
  timeMs: 1,
  generation: 0,
  slots: {},
  backlog: emptyBacklog(),
};
let reporter: Reporter | undefined;
afterEach(() => reporter?.stop());

it('refuses and counts a state that cannot be made, and publishes the next', async () => {
  const published: string[] = [];
  const refused: unknown[] = [];
  let fails = true;
  reporter = new Reporter({
    device: 'press-1',
    link: { publish: async (topic) => void published.push(topic) },
    reported: () => {
      if (fails) throw new Error('no model can be named');
      return state;
    },
    refusals: { refuse: (error) => void refused.push(error) },
  });
  reporter.start();
  reporter.changed();
  await waitFor('the settled change', () => refused.length === 2);
  expect(published).toEqual([]);
  fails = false;
  reporter.changed();
  await waitFor('published', () => published.length === 1);
  expect(published).toEqual(['andon/v1/press-1/reported']);
});

function emptyBacklog(): Reported['backlog'] {
  return { predictions: 0, feedback: 0, metrics: 0, events: 0 };
}
