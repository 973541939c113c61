/** A few of the rollouts that `npm run bench -- canary` plays by the ten thousand: enough to see that they still run as told. */
import { describe, expect, it } from 'vitest';
import { Random } from '../../../agent/sources/random.ts';
import { play } from '../../../bench/canary/play.ts';
import { SCENARIOS } from '../../../bench/canary/scenarios.ts';

function playSome(name: string, runs: number) {
  const scenario = SCENARIOS.find((one) => one.name === name);
  if (!scenario) throw new RangeError(`no scenario ${name}`);
  const random = new Random(2026);
  return Array.from({ length: runs }, () => play(scenario, random));
}

describe('whole rollouts on the decision code that ships', () => {
  it('stop a model that is five points worse', () => {
    expect(playSome('harm5', 30).every(({ end }) => end === 'rolled-back')).toBe(true);
  });

  it('bring a model that is two points better everywhere', () => {
    expect(playSome('gain2', 30).every(({ end }) => end === 'done')).toBe(true);
  });

  it('never go on without labels', () => {
    const played = playSome('noLabels', 30);
    expect(played.some(({ leftFirstStage, end }) => leftFirstStage || end !== 'open')).toBe(false);
  });

  it('are not flattered by labels that come early', () => {
    expect(playSome('harm2Delayed', 20).filter(({ leftFirstStage }) => leftFirstStage).length).toBeLessThan(
      4,
    );
  });
});
