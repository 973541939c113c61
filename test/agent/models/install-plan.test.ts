import { describe, expect, it } from 'vitest';
import { type PlanFacts, planInstall } from '../../../agent/models/install-plan.ts';
import { EMPTY_SLOT, type SlotState } from '../../../agent/models/slot-state.ts';
import type { DesiredSlot, ModelRef } from '../../../protocol/messages.ts';

const hash = (name: string) => name.repeat(64).slice(0, 64);
const A = hash('a');
const B = hash('b');

function ref(model: string, version: number): ModelRef {
  return { name: 'tiny', version, manifestSha256: model, indexSha256: model, sizeBytes: 1000 };
}

const running: SlotState = { ...EMPTY_SLOT, champion: A, good: [A], configured: A };
const facts: PlanFacts = {
  isHere: (model) => model === A,
  refusal: () => null,
  fetchWords: () => '900 of 1,000 bytes',
  titleOf: (model) => (model === A ? 'tiny 1' : 'tiny 2'),
  probation: { predictions: 200, forMs: 10_000, maxErrorRate: 0.01, maxSlowdown: 10 },
  waiting: null,
};
const champion = (model: ModelRef): DesiredSlot => ({ champion: model, challenger: null });
const kinds = (desired: DesiredSlot, state = running, over: Partial<PlanFacts> = {}) =>
  planInstall(state, desired, { ...facts, ...over }).map(({ kind }) => kind);

describe('the plan of an installation', () => {
  it('says what a newcomer has to wait for before it decides, and that going back waits for nothing', () => {
    const waiting = { for: 'hold' as const, words: 'held by an operator: batch 4711 runs' };
    const steps = planInstall(running, champion(ref(B, 2)), { ...facts, waiting });
    expect(steps.map(({ kind }) => kind)).toEqual(['fetch', 'test', 'wait', 'switch', 'commit']);
    expect(steps[2]?.words).toContain('batch 4711 runs');
    const onTrial: SlotState = { ...running, champion: B };
    expect(kinds(champion(ref(A, 1)), onTrial, { waiting })).not.toContain('wait');
  });

  it('says that there is nothing to do', () => {
    expect(kinds(champion(ref(A, 1)))).toEqual(['nothing']);
  });

  it('tells the whole way of a new champion, and what comes back if it fails', () => {
    const steps = planInstall(running, champion(ref(B, 2)), facts);
    expect(steps.map(({ kind }) => kind)).toEqual(['fetch', 'test', 'switch', 'commit']);
    expect(steps[0]?.words).toBe('tiny 2 is fetched: 900 of 1,000 bytes.');
    expect(steps[2]?.words).toContain('200 predictions and 10 s; tiny 1 comes back');
  });

  it('tells of a challenger and its share', () => {
    const desired = { champion: ref(A, 1), challenger: { model: ref(B, 2), share: 0.05, rolloutId: 'r' } };
    const steps = planInstall(running, desired, facts);
    expect(steps.map(({ kind }) => kind)).toEqual(['fetch', 'test', 'try']);
    expect(steps[2]?.words).toContain('5%');
  });

  it('says that a loaded challenger is promoted at once', () => {
    const state: SlotState = {
      ...running,
      desired: { champion: ref(A, 1), challenger: { model: ref(B, 2), share: 0.5, rolloutId: 'r' } },
      challenger: { model: B, share: 0.5, rolloutId: 'r' },
    };
    expect(kinds(champion(ref(B, 2)), state)).toEqual(['switch', 'switch', 'commit']);
  });

  it('says why a model would be refused, or was before', () => {
    const refusal = () => 'TARGET_UNKNOWN: not on the list';
    expect(kinds(champion(ref(B, 2)), running, { refusal })).toEqual(['refuse']);
    const refused = {
      ...running,
      desired: champion(ref(B, 2)),
      refused: { [B]: { state: 'refused' as const, reason: 'GOLDEN_SAMPLES_FAILED: off by 0.4' } },
    };
    expect(planInstall(refused, champion(ref(B, 2)), facts)).toMatchObject([
      { kind: 'refuse', words: expect.stringContaining('GOLDEN_SAMPLES_FAILED') },
    ]);
  });

  it('says what is cancelled, withdrawn and removed', () => {
    const busy: SlotState = {
      ...running,
      desired: champion(ref(B, 2)),
      step: { model: B, goal: 'champion', state: 'fetching' },
    };
    expect(kinds(champion(ref(A, 1)), busy)).toEqual(['cancel']);
    const trying: SlotState = {
      ...running,
      desired: { champion: ref(A, 1), challenger: { model: ref(B, 2), share: 0.5, rolloutId: 'r' } },
      challenger: { model: B, share: 0.5, rolloutId: 'r' },
    };
    expect(kinds(champion(ref(A, 1)), trying, { isHere: () => true })).toEqual(['withdraw', 'remove']);
  });

  it('changes nothing', () => {
    const before = structuredClone(running);
    planInstall(running, champion(ref(B, 2)), facts);
    expect(running).toEqual(before);
  });
});
