import { describe, expect, it, onTestFinished, vi } from 'vitest';
import type { StartRolloutRequest } from '../../../sync-server/http/view.ts';
import type { PairCount } from '../../../sync-server/rollouts/evidence-source.ts';
import { hashOf, SLOT, ToyFleet } from './toy-fleet.ts';
import { conductorOfBoth } from './two-slots.ts';

const better: PairCount[] = [
  { truth: 0, champion: 0, challenger: 0, weight: 1, count: 300 },
  { truth: 1, champion: 0, challenger: 1, weight: 1, count: 20 },
];
const worse: PairCount[] = [
  { truth: 0, champion: 0, challenger: 0, weight: 1, count: 300 },
  { truth: 1, champion: 1, challenger: 0, weight: 1, count: 20 },
];
const START = { slot: SLOT, model: 'toy@2' };

function begin(ids = ['mill-1', 'mill-2', 'mill-3'], offline: string[] = []) {
  const fleet = new ToyFleet(ids);
  for (const id of offline) fleet.toy(id).online = false;
  const conductor = fleet.conductor();
  const { id } = conductor.startRollout(START);
  const step = (...pairs: PairCount[]) => {
    fleet.nowMs += 500;
    fleet.obey();
    if (pairs.length > 0) fleet.label(...pairs);
    conductor.evaluate();
    return conductor.view(id);
  };
  return { fleet, conductor, id, step };
}

function challenged(fleet: ToyFleet): string[] {
  return fleet.toys.filter(({ desired }) => desired?.challenger).map(({ id }) => id);
}

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
    const { fleet, step } = begin(['mill-1']);
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
    const { fleet, step } = begin(undefined, ['mill-3']);
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
    const { fleet, step } = begin(['mill-1']);
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

describe('a stage that asks for a person', () => {
  const stages = [
    { devices: 0.3, traffic: 0.1 },
    { devices: 1, traffic: 1, approval: true },
  ];
  function gated(over: Partial<StartRolloutRequest> = {}) {
    const fleet = new ToyFleet(['mill-1', 'mill-2', 'mill-3']);
    const conductor = fleet.conductor();
    const { id } = conductor.startRollout({ ...START, stages, ...over });
    const step = (...pairs: PairCount[]) => {
      fleet.nowMs += 500;
      fleet.obey();
      if (pairs.length > 0) fleet.label(...pairs);
      conductor.evaluate();
      return conductor.view(id);
    };
    step();
    return { fleet, conductor, id, step };
  }

  it('is asked for only when the evidence is there, and goes on with the approval', () => {
    const { conductor, id, step } = gated();
    expect(() => conductor.approve(id)).toThrow(expect.objectContaining({ code: 'REQUEST_INVALID' }));
    expect(step(...better)).toMatchObject({
      state: 'waiting-for-approval',
      stage: 0,
      reason: expect.stringMatching(/Stage 2 waits for a person’s approval\. The new model is better/),
    });
    const approved = conductor.approve(id, 'anna');
    expect(approved).toMatchObject({ state: 'advancing', stage: 0, reason: 'Stage 2 approved by anna.' });
    expect(step()).toMatchObject({ state: 'advancing', stage: 1 });
    expect(conductor.view(id).decisions.map(({ reason }) => reason)).toContain('Stage 2 approved by anna.');
  });

  it('waits no more when harm shows meanwhile', () => {
    const { step } = gated();
    step(...better);
    expect(step(...worse, ...worse, ...worse).state).toBe('rolled-back');
  });

  it('still waits after a restart, and can be paused', () => {
    const { fleet, conductor, id, step } = gated();
    step(...better);
    const reborn = fleet.conductor();
    reborn.evaluate();
    expect(reborn.view(id).state).toBe('waiting-for-approval');
    conductor.pause(id);
    conductor.resume(id);
    expect(step().state).toBe('waiting-for-approval');
  });

  it('needs no approval for the first: starting it is one', () => {
    expect(() => gated({ stages: [{ devices: 1, traffic: 0.5, approval: true }] })).toThrow(
      /needs no approval/,
    );
  });

  it('goes on only inside the maintenance window, but goes back at any time', () => {
    const night = { days: ['mon' as const], from: '22:00', to: '23:00' };
    const over = {
      stages: stages.map(({ devices, traffic }) => ({ devices, traffic })),
      windows: [night],
      timeZone: 'UTC',
    };
    const { fleet, step } = gated(over);
    expect(step(...better)).toMatchObject({
      state: 'holding',
      stage: 0,
      reason: expect.stringMatching(/The maintenance window opens Mon 22:00\. The new model is better/),
    });
    fleet.nowMs = Date.parse('1970-01-05T22:30Z');
    expect(step()).toMatchObject({ state: 'advancing', stage: 1 });
    const closed = gated(over);
    expect(closed.step(...worse, ...worse).state).toBe('rolled-back');
  });
});

describe('what a rollout shows of its evidence', () => {
  it('is the difference with its interval, what is needed and how fast it comes', () => {
    const { fleet, step } = begin();
    step();
    fleet.nowMs += 60_000;
    const { evidence } = step({ truth: 1, champion: 1, challenger: 1, weight: 1, count: 50 });
    expect(evidence).toMatchObject({ pairs: 50, needed: 198, difference: { mean: 0 } });
    expect(evidence.difference?.low).toBeLessThan(-0.02);
    expect(evidence.perDay).toBeCloseTo((50 / 61_000) * 86_400_000, 0);
  });

  it('is a curve that narrows, marked by stages, and never long', () => {
    const { step } = begin();
    step();
    for (let i = 0; i < 300; i++) step({ truth: 1, champion: 1, challenger: 1, weight: 1, count: 1 + i });
    const { curve, evidence } = step();
    expect(curve.length).toBeLessThanOrEqual(80);
    expect(curve.length).toBeGreaterThan(10);
    expect(curve.at(-1)?.pairs).toBe(evidence.pairs);
    const pairs = curve.map((point) => point.pairs);
    expect(pairs).toEqual(pairs.toSorted((a, b) => a - b));
    expect(new Set(curve.map((point) => point.stage)).size).toBeGreaterThan(1);
    const widths = curve.map(({ low, high }) => high - low);
    expect(widths.at(-1)).toBeLessThan(widths[0] ?? 0);
  });

  it('states inputs that drift on its devices, and holds them against nobody', () => {
    const { fleet, step } = begin();
    step();
    const [canary = ''] = challenged(fleet);
    fleet.drifting = [
      { device: canary, feature: 'torque_nm' },
      { device: 'elsewhere', feature: 'torque_nm' },
    ];
    const view = step(...better);
    expect(view.drifting).toEqual([{ device: canary, feature: 'torque_nm' }]);
    expect(view.stage).toBe(1);
  });
});

describe('devices that go away', () => {
  it('hold a rollout when many of those that took the model are silent since', () => {
    const ids = Array.from({ length: 10 }, (_, i) => `mill-${i}`);
    const { fleet, step } = begin(ids);
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

describe('starting a rollout', () => {
  const fresh = () => new ToyFleet(['mill-1', 'mill-2']);
  const code = (value: string) => expect.objectContaining({ code: value });

  it('refuses a second one in the same slot', () => {
    const { conductor, id } = begin();
    expect(() => conductor.startRollout({ ...START, model: 'toy@3' })).toThrow(code('ROLLOUT_CONFLICT'));
    conductor.abort(id);
    expect(conductor.startRollout({ ...START, model: 'toy@3' }).to).toBe('toy 3');
  });

  it('targets only devices with all the labels', () => {
    const fleet = fresh();
    fleet.add('press-1', { line: 'press' });
    const conductor = fleet.conductor();
    conductor.startRollout({ ...START, labels: { line: 'press' } });
    conductor.evaluate();
    expect(challenged(fleet)).toEqual(['press-1']);
    expect(() =>
      fresh()
        .conductor()
        .startRollout({ ...START, labels: { line: 'x' } }),
    ).toThrow(code('ROLLOUT_NO_DEVICES'));
  });

  it('refuses models that are not there, slots that nobody has, and versions that run already', () => {
    const conductor = fresh().conductor();
    expect(() => conductor.startRollout({ ...START, model: 'toy@9' })).toThrow(code('MODEL_UNKNOWN'));
    expect(() => conductor.startRollout({ ...START, model: 'toy' })).toThrow(code('REQUEST_INVALID'));
    expect(() => conductor.startRollout({ ...START, slot: 'nowhere' })).toThrow(code('ROLLOUT_NO_DEVICES'));
    expect(() => conductor.startRollout({ ...START, model: 'toy@1' })).toThrow(/already/);
  });

  it('refuses to replace a model that it could not bring back', () => {
    const fleet = fresh();
    fleet.published.delete(1);
    expect(() => fleet.conductor().startRollout(START)).toThrow(code('MODEL_UNKNOWN'));
  });

  it('refuses a model with other labels than the slot answers now', () => {
    const fleet = fresh();
    const manifest = fleet.manifestOf(hashOf(2));
    const decision = { kind: 'threshold' as const, labels: ['good', 'scrap'], threshold: 0.5 };
    fleet.manifests.set(hashOf(2), { ...manifest, output: { ...manifest.output, decision } });
    expect(() => fleet.conductor().startRollout(START)).toThrow(/good, scrap/);
  });

  it.each([
    [[{ devices: 0, traffic: 0.5 }]],
    [
      [
        { devices: 1, traffic: 0.1 },
        { devices: 0.5, traffic: 0.5 },
      ],
    ],
  ])('refuses impossible stages %j', (stages) => {
    expect(() =>
      fresh()
        .conductor()
        .startRollout({ ...START, stages }),
    ).toThrow(code('REQUEST_INVALID'));
  });

  it('ends with the whole fleet even when the stages do not say so', () => {
    const view = fresh()
      .conductor()
      .startRollout({ ...START, stages: [{ devices: 0.1, traffic: 0.2 }] });
    expect(view.stages).toEqual([
      { devices: 0.1, traffic: 0.2 },
      { devices: 1, traffic: 1 },
    ]);
  });
});
