/** Promise 5: whichever step of an update a kill cuts, the device serves at once and ends where it should, tidy. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { tabulateUpdate } from '../support/fault-table.ts';
import { isLong } from '../support/form.ts';
import { type BuiltAgent, buildAgent } from './support/built-agent.ts';
import { KillChain } from './support/kill-chain.ts';
import { PLAYS, type Play } from './support/plays.ts';
import type { Armed, Point } from './support/steps.ts';

/** Devices that are updated and killed beside each other. */
const CHAINS = 3;
const TEST_TIMEOUT_MS = 30 * 60_000;
const LEAST_STEPS = 40;

let agent: BuiltAgent;
beforeAll(async () => {
  agent = await buildAgent();
});
afterAll(() => agent.remove());

it.each(PLAYS)(
  'ends well wherever $name is cut by a kill',
  async (play) => {
    const chains = await Promise.all(
      Array.from({ length: CHAINS }, (_, i) => KillChain.start(`line-${i}`, play, agent)),
    );
    const points = (await chains[0]?.record()) ?? [];
    expect(points.length).toBeGreaterThan(LEAST_STEPS);
    const moments = isLong ? everyMoment(points) : shortForm(play, points);
    const missed: string[] = [];
    const queue = [...moments];
    await Promise.all(
      chains.map(async (chain) => {
        for (let next = queue.shift(); next; next = queue.shift()) {
          const { label, nth, side } = next;
          if (!(await chain.killAt({ label, nth, side }))) missed.push(`${side} ${label} (${nth})`);
        }
      }),
    );
    const ends = await Promise.all(chains.map((chain) => chain.end()));
    const unanswered = ends.reduce((sum, end) => sum + end.lost, 0);
    const doubled = ends.reduce((sum, end) => sum + end.doubled, 0);
    expect({ missed, doubled }).toEqual({ missed: [], doubled: 0 });
    expect(unanswered).toBeLessThanOrEqual((moments.length + 1) * play.unansweredAtMost);

    const serveMs = Math.max(...chains.map(({ longestToServeMs }) => longestToServeMs));
    await tabulateUpdate({
      fault: `1 agent killed (SIGKILL) at ${moments.length} moments, before or after one of ${points.length} steps: ${play.name}`,
      times: chains.reduce((sum, { kills }) => sum + kills, 0),
      served: `a verified model after each restart, its next durable prediction at most ${Math.round(serveMs)} ms after the agent was up${unanswered > 0 ? `; ${unanswered} samples that the bad model could not answer` : ''}`,
      ended: `${play.ends}; nothing left over in the folders of packages and chunks`,
      lost: unanswered,
      doubled,
    });
  },
  TEST_TIMEOUT_MS,
);

type Moment = Omit<Armed, 'token'>;

function everyMoment(points: readonly Point[]): Moment[] {
  return points.flatMap((point) => [
    { ...point, side: 'before' as const },
    { ...point, side: 'after' as const },
  ]);
}

/** Every row that is written; of a good model also every other kind of step, the first and the last of it. */
function shortForm(play: Play, points: readonly Point[]): Moment[] {
  const lastOf = new Map(points.map(({ label, nth }) => [label, nth]));
  return points
    .filter(({ label, nth }) => {
      if (/^commit models\//.test(label)) return true;
      return play === PLAYS[0] && (nth === 1 || nth === lastOf.get(label));
    })
    .map((point) => ({ ...point, side: 'before' }));
}
