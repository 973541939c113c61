import { describe, expect, it } from 'vitest';
import type { Rollout } from '../../../sync-server/rollouts/rollout.ts';
import { openServerStore } from '../../../sync-server/store/server-store.ts';
import { CHALLENGER, CHAMPION, modelRef, PLAN, temporaryFolder, temporaryStore } from '../support.ts';

function rollout(id: string, over: Partial<Rollout> = {}): Rollout {
  return {
    id,
    slot: 'machine-failure',
    to: modelRef(2, CHALLENGER),
    toTitle: 'milling-failure 2',
    fromTitle: 'milling-failure 1',
    labels: { line: 'north' },
    stages: [{ devices: 1, traffic: 1 }],
    plan: PLAN,
    approvedStage: 0,
    curve: [],
    drifting: [],
    state: 'advancing',
    stage: 0,
    reason: 'Just begun.',
    startedAtMs: 1,
    stageStartedAtMs: 1,
    updatedAtMs: 1,
    members: { 'mill-1': { champion: modelRef(1, CHAMPION), generation: 3 } },
    evidence: {
      pairs: 0,
      challengerBetter: 0,
      championBetter: 0,
      championMetric: null,
      challengerMetric: 0.5,
      metricName: 'f-beta',
      difference: null,
      needed: null,
      perDay: null,
    },
    settled: true,
    ...over,
  };
}

describe('the table of rollouts', () => {
  it('gives back every field, oldest first, also to the next process', () => {
    const folder = temporaryFolder();
    const first = openServerStore(folder);
    const both = [rollout('b', { startedAtMs: 1 }), rollout('a', { startedAtMs: 2, state: 'done' })];
    for (const each of both.toReversed()) first.rollouts.save(each);
    expect(first.rollouts.all()).toEqual(both);
    first.close();
    expect(temporaryStore(folder).rollouts.all()).toEqual(both);
  });

  it('gives back what was saved last, also of a rollout that is over', () => {
    const { rollouts } = temporaryStore();
    for (const reason of ['first', 'second']) {
      rollouts.save(rollout('a', { state: 'aborted', reason }));
      expect(rollouts.all().map((each) => each.reason)).toEqual([reason]);
    }
  });

  it('hands out rollouts under way to be changed, and keeps no change that was not saved', () => {
    const { rollouts } = temporaryStore();
    rollouts.save(rollout('a'));
    for (const each of rollouts.all()) each.reason = 'never saved';
    expect(rollouts.all().map((each) => each.reason)).toEqual(['Just begun.']);
  });

  it('reads what a server wrote that kept no plan, and holds such a rollout to careful terms', () => {
    const folder = temporaryFolder();
    const { plan, approvedStage, curve, drifting, ...former } = rollout('a');
    const { difference, needed, perDay, ...evidence } = former.evidence;
    expect([plan.margin, approvedStage, curve, drifting]).toEqual([0.02, 0, [], []]);
    expect([difference, needed, perDay]).toEqual([null, null, null]);
    const store = temporaryStore(folder);
    store.rollouts.save({ ...former, evidence } as unknown as Rollout);
    expect(store.rollouts.all()).toEqual([
      { ...rollout('a'), plan: { ...PLAN, minPairs: 500, maxFailedShare: 0 } },
    ]);
  });

  it('keeps the decisions of each, newest first', () => {
    const { rollouts } = temporaryStore();
    const decision = (reason: string) => ({ timeMs: 1, state: 'holding' as const, stage: 0, reason });
    for (const id of ['a', 'b']) {
      for (const n of [1, 2, 3]) rollouts.appendDecision(id, decision(`${id}${n}`));
    }
    expect(rollouts.decisions('a', 2).map(({ reason }) => reason)).toEqual(['a3', 'a2']);
  });
});
