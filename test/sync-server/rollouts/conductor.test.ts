import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { hashOf, ToyFleet } from './toy-fleet.ts';
import { begin, better, challenged, START, worse } from './toy-rollout.ts';

describe('a rollout', () => {
  it('begins on one device, with the new model as challenger on a small share of the samples', () => {
    const { fleet, step } = begin();
    step();
    expect(challenged(fleet)).toHaveLength(1);
    const desired = fleet.toys.find(({ desired }) => desired)?.desired;
    expect(desired).toMatchObject({
      champion: { version: 1 },
      challenger: { model: { version: 2 }, share: 0.05 },
    });
  });

  it('holds with a reason while there are no labels', () => {
    const { step } = begin();
    step();
    for (let i = 0; i < 20; i++) step();
    expect(step()).toMatchObject({ state: 'holding', stage: 0, reason: expect.stringMatching(/No labels/) });
  });

  it('goes through every stage on fresh evidence and is done when all devices committed', () => {
    const { fleet, step } = begin();
    step();
    expect(step(...better)).toMatchObject({ stage: 1 });
    expect(step()).toMatchObject({ stage: 1, state: 'holding' });
    expect(challenged(fleet)).toHaveLength(2);
    expect(step(...better)).toMatchObject({ stage: 2 });
    const done = step();
    expect(done.state).toBe('done');
    expect(done.devices.toSorted()).toEqual(['mill-1', 'mill-2', 'mill-3']);
    expect(fleet.toys.map(({ champion }) => champion)).toEqual([2, 2, 2]);
    expect(done.decisions.map(({ stage }) => stage)[0]).toBe(2);
  });

  it('waits for the last device to commit before it is done', () => {
    const { fleet, step } = begin();
    step();
    step(...better);
    step();
    step(...better);
    const slow = fleet.toy('mill-3');
    const install = { manifestSha256: hashOf(2), reason: null, chunksHave: 1, chunksWant: 1 };
    fleet.obey();
    slow.reported = { ...slow.reported, install: { ...install, state: 'probation' } };
    expect(step()).toMatchObject({
      state: 'advancing',
      reason: expect.stringMatching(/mill-3 has committed/),
    });
    slow.reported = { ...slow.reported, install: { ...install, state: 'committed' } };
    expect(step().state).toBe('done');
  });

  it('rolls back when harm is likely and brings the old model back on every touched device', () => {
    const { fleet, step } = begin();
    step();
    step(...better);
    step();
    const view = step(...worse, ...worse, ...worse);
    expect(view).toMatchObject({ state: 'rolled-back', reason: expect.stringMatching(/Harm is likely/) });
    expect(challenged(fleet)).toEqual([]);
    expect(step().devices).toEqual([]);
    expect(fleet.toys.map(({ champion }) => champion)).toEqual([1, 1, 1]);
  });

  it('rolls back when a device refuses the model', () => {
    const { fleet, step } = begin();
    step();
    const [canary] = challenged(fleet);
    const toy = fleet.toy(String(canary));
    fleet.obey();
    toy.reported = {
      ...toy.reported,
      challenger: null,
      install: {
        manifestSha256: hashOf(2),
        state: 'refused',
        reason: 'golden samples failed',
        chunksHave: 0,
        chunksWant: 0,
      },
    };
    expect(step()).toMatchObject({
      state: 'rolled-back',
      reason: expect.stringMatching(/golden samples failed/),
    });
  });

  it('does not take an old refusal of the same model for an answer to this rollout', () => {
    const fleet = new ToyFleet(['mill-1']);
    const toy = fleet.toy('mill-1');
    toy.reported = {
      ...toy.reported,
      install: {
        manifestSha256: hashOf(2),
        state: 'refused',
        reason: 'of last week',
        chunksHave: 0,
        chunksWant: 0,
      },
    };
    const conductor = fleet.conductor();
    const { id } = conductor.startRollout(START);
    conductor.evaluate();
    expect(conductor.view(id).state).toBe('advancing');
  });

  it('counts failures that the evidence names only for its own devices', () => {
    const { fleet, step } = begin();
    step();
    const bystander = fleet.toys.find(({ desired }) => !desired)?.id ?? '';
    fleet.failures = [{ device: bystander, reason: 'of another story' }];
    expect(step().state).toBe('holding');
  });

  it('survives a restart of the server between the decision and the desired states', () => {
    const { fleet, step, id } = begin();
    step();
    fleet.nowMs += 500;
    fleet.obey();
    fleet.label(...worse);
    fleet.crashOnSet = true;
    const dying = fleet.conductor();
    dying.evaluate();
    expect(dying.view(id).state).toBe('rolled-back');
    expect(challenged(fleet)).toHaveLength(1);

    fleet.crashOnSet = false;
    const reborn = fleet.conductor();
    reborn.evaluate();
    expect(reborn.view(id).state).toBe('rolled-back');
    expect(challenged(fleet)).toEqual([]);
  });

  it('goes on where it was after a restart', () => {
    const { fleet, step, id } = begin();
    step();
    step(...better);
    const reborn = fleet.conductor();
    reborn.evaluate();
    expect(reborn.view(id).stage).toBe(1);
    expect(challenged(fleet)).toHaveLength(2);
  });

  it('takes in a device that appears while it runs, and catches up one that appears afterwards', () => {
    const { fleet, step } = begin({ ids: ['mill-1'] });
    step();
    step(...better);
    step();
    fleet.add('mill-2');
    step(...better);
    step();
    expect(step().state).toBe('done');
    expect(fleet.toy('mill-2').champion).toBe(2);
    fleet.add('mill-3');
    step();
    step();
    expect(fleet.toy('mill-3').champion).toBe(2);
  });

  it('is done without a device that is offline, which follows when it is back', () => {
    const { fleet, step } = begin({ offline: ['mill-3'] });
    step();
    step(...better);
    step();
    step(...better);
    expect(step()).toMatchObject({ state: 'done', reason: expect.stringMatching(/mill-3 will follow/) });
    fleet.toy('mill-3').online = true;
    fleet.obey();
    expect(fleet.toy('mill-3').champion).toBe(2);
  });

  it('holds and says so when its only device is offline', () => {
    const { fleet, step } = begin({ ids: ['mill-1'] });
    step();
    fleet.toy('mill-1').online = false;
    expect(step(...better)).toMatchObject({
      state: 'holding',
      reason: expect.stringMatching(/online.*mill-1/),
    });
  });

  it('changes nothing while paused, and goes on when resumed', () => {
    const { conductor, id, step, fleet } = begin();
    step();
    conductor.pause(id);
    expect(step(...better)).toMatchObject({ state: 'paused', stage: 0 });
    expect(challenged(fleet)).toHaveLength(1);
    conductor.resume(id);
    expect(step()).toMatchObject({ state: 'advancing', stage: 1 });
  });

  it('brings the old model back when a person aborts it', () => {
    const { conductor, id, step, fleet } = begin();
    step();
    conductor.abort(id);
    expect(challenged(fleet)).toEqual([]);
    expect(() => conductor.resume(id)).toThrow(expect.objectContaining({ code: 'REQUEST_INVALID' }));
  });

  it('keeps every decision with its reason, and none twice', () => {
    const { step } = begin();
    step();
    for (let i = 0; i < 5; i++) step();
    const { decisions } = step(...better);
    expect(decisions.map(({ state, stage }) => `${state} ${stage}`)).toEqual([
      'advancing 1',
      'holding 0',
      'advancing 0',
    ]);
    expect(decisions[0]?.reason).toMatch(/the old one alone missed 20/);
  });
});

describe('the conductor’s watch', () => {
  function fakeTime(): void {
    vi.useFakeTimers();
    onTestFinished(() => void vi.useRealTimers());
  }

  it('counts a look that failed, and looks again', () => {
    fakeTime();
    const { fleet, id } = begin();
    const conductor = fleet.conductor();
    const broken = vi.spyOn(fleet, 'all').mockImplementation(() => {
      throw Object.assign(new Error('disk I/O error'), { code: 'SQLITE_IOERR' });
    });
    conductor.start();
    onTestFinished(() => conductor.stop());
    expect(fleet.counters.snapshot()).toEqual({ 'rollouts.SQLITE_IOERR': 1 });
    broken.mockRestore();
    fleet.obey();
    vi.advanceTimersByTime(50);
    expect(conductor.view(id).reason).toMatch(/No labels/);
  });

  it('counts each look at a rollout that cannot be judged, and says why', () => {
    const { fleet, step } = begin();
    step();
    vi.spyOn(fleet, 'pairs').mockImplementation(() => {
      throw new Error('database is locked');
    });
    step();
    expect(step()).toMatchObject({ state: 'holding', reason: expect.stringMatching(/database is locked/) });
    expect(fleet.counters.snapshot()).toEqual({ 'rollouts.UNEXPECTED': 2 });
  });

  it('looks more seldom when a look takes long, so that devices are not kept waiting', () => {
    fakeTime();
    const { fleet } = begin();
    const tookMs = 1000;
    const looks = vi.spyOn(fleet, 'pairs').mockImplementation(() => {
      fleet.nowMs += tookMs;
      return [];
    });
    const conductor = fleet.conductor();
    conductor.start();
    onTestFinished(() => conductor.stop());
    vi.advanceTimersByTime(9 * tookMs - 1);
    expect(looks).toHaveBeenCalledTimes(1);
    vi.advanceTimersByTime(1);
    expect(looks).toHaveBeenCalledTimes(2);
  });

  it('is over when it is stopped', () => {
    fakeTime();
    const { fleet } = begin();
    const conductor = fleet.conductor();
    conductor.start();
    conductor.stop();
    expect(vi.getTimerCount()).toBe(0);
  });

  it('shows the newest fifty rollouts, and every one that is under way', () => {
    const { fleet, conductor, id } = begin();
    const [open] = fleet.all();
    if (!open) throw new Error('no rollout');
    for (let i = 1; i <= 60; i++) {
      fleet.save({ ...open, id: `r${i}`, slot: `slot-${i}`, state: 'aborted', settled: true });
    }
    const shown = conductor.views().map((view) => view.id);
    expect(shown).toHaveLength(51);
    expect([shown[0], shown.at(-1)]).toEqual(['r60', id]);
  });
});
