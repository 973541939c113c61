import { describe, expect, it } from 'vitest';
import { ToyFleet } from './toy-fleet.ts';
import { begin, better, challenged, START, worse } from './toy-rollout.ts';
import { conductorOfBoth } from './two-slots.ts';

describe('devices that go away', () => {
  it('hold a rollout when many of those that took the model are silent since', () => {
    const ids = Array.from({ length: 10 }, (_, i) => `mill-${i}`);
    const { fleet, step } = begin({ ids });
    step();
    step(...better);
    step();
    const members = challenged(fleet);
    expect(members).toHaveLength(5);
    for (const id of members.slice(0, 2)) fleet.toy(id).online = false;
    expect(step(...better)).toMatchObject({
      state: 'holding',
      stage: 1,
      reason: expect.stringMatching(/^2 of 5 devices took the new model and are silent since/),
    });
    fleet.toy(members[0] ?? '').online = true;
    expect(step()).toMatchObject({ stage: 2 });
  });

  it('come back under the latest verdict: what was rolled back while they were away never runs', () => {
    const { fleet, step } = begin();
    step();
    const [canary = ''] = challenged(fleet);
    fleet.obey();
    fleet.toy(canary).online = false;
    expect(step(...worse, ...worse, ...worse).state).toBe('rolled-back');
    expect(fleet.toy(canary).reported.challenger).not.toBeNull();
    fleet.toy(canary).online = true;
    fleet.obey();
    expect(fleet.toy(canary).reported.challenger).toBeNull();
    expect(fleet.toy(canary).champion).toBe(1);
  });
});

describe('several rollouts at once', () => {
  it('each go by their own evidence in their own slot', () => {
    const [mills, presses] = [new ToyFleet(['mill-1']), new ToyFleet(['mill-1'], 'press-force')];
    const conductor = conductorOfBoth(mills, presses);
    const first = conductor.startRollout(START);
    const second = conductor.startRollout({ ...START, slot: 'press-force' });
    for (const fleet of [mills, presses]) fleet.obey();
    mills.nowMs += 500;
    mills.label(...better);
    presses.nowMs += 500;
    presses.label(...worse, ...worse, ...worse);
    conductor.evaluate();
    expect(conductor.view(first.id)).toMatchObject({ state: 'advancing', stage: 1 });
    expect(conductor.view(second.id)).toMatchObject({ state: 'rolled-back', stage: 0 });
    expect(mills.toy('mill-1').desired?.champion.version).toBe(1);
    expect(presses.toy('mill-1').desired?.challenger).toBeNull();
  });
});
