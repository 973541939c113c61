import { describe, expect, it } from 'vitest';
import { hashOf, ToyFleet } from './toy-fleet.ts';
import { begin, challenged, START } from './toy-rollout.ts';

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
