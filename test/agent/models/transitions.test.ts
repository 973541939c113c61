import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  EMPTY_SLOT,
  INSTALL_MOVES,
  installOf,
  needed,
  nextInstall,
  onTrial,
  type SlotEvent,
  type SlotState,
  slotStateSchema,
  transition,
} from '../../../agent/models/transitions.ts';
import { sha256Hex } from '../../../protocol/keys.ts';
import type { DesiredSlot, ModelRef } from '../../../protocol/messages.ts';

const MODELS = ['a', 'b', 'c', 'd'].map((name) => sha256Hex(name));
const [A = '', B = '', C = ''] = MODELS;

function ref(manifestSha256: string): ModelRef {
  return { name: 'm', version: 1, manifestSha256, indexSha256: manifestSha256, sizeBytes: 1 };
}

function want(champion: string, challenger?: string, share = 0.05): DesiredSlot {
  return {
    champion: ref(champion),
    challenger: challenger ? { model: ref(challenger), share, rolloutId: 'r' } : null,
  };
}

function reach(events: readonly SlotEvent[], from: SlotState = EMPTY_SLOT): SlotState {
  return events.reduce(transition, from);
}

/** What the slot manager does to install a model. */
function install(model: string, goal: 'champion' | 'challenger' = 'champion'): SlotEvent[] {
  const steps = (['fetching', 'verifying', 'staged', 'testing'] as const).map(
    (to): SlotEvent => ({ kind: 'step', model, goal, to }),
  );
  return [...steps, { kind: 'passed' }];
}

const model = fc.constantFrom(...MODELS);
const desiredSlot = fc
  .record({
    champion: model,
    challenger: fc.option(model),
    share: fc.double({ min: 0, max: 1, noNaN: true }),
  })
  .map(({ champion, challenger, share }) => want(champion, challenger ?? undefined, share));
const event: fc.Arbitrary<SlotEvent> = fc.oneof(
  desiredSlot.map((desired): SlotEvent => ({ kind: 'desired', desired })),
  model.map((m): SlotEvent => ({ kind: 'configured', model: m })),
  fc
    .record({
      model,
      goal: fc.constantFrom('champion' as const, 'challenger' as const),
      to: fc.constantFrom('fetching' as const, 'verifying' as const, 'staged' as const, 'testing' as const),
    })
    .map((step): SlotEvent => ({ kind: 'step', ...step })),
  fc.constantFrom<SlotEvent>(
    { kind: 'passed' },
    { kind: 'refused', reason: 'bad' },
    { kind: 'commit' },
    { kind: 'started' },
  ),
  model.map((m): SlotEvent => ({ kind: 'failed', model: m, reason: 'worse' })),
);

/** Installs whatever is wanted, all going well; returns where the slot comes to rest. */
function settle(state: SlotState): SlotState {
  let current = state;
  for (let i = 0; i < 10; i++) {
    if (onTrial(current)) current = transition(current, { kind: 'commit' });
    const next = nextInstall(current);
    if (!next) return current;
    current = reach(install(next.model, next.goal), current);
  }
  throw new Error('never comes to rest');
}

describe('the transition table', () => {
  it('always leaves a slot that had a champion with a runnable one, whatever happens in whatever order', () => {
    fc.assert(
      fc.property(fc.array(event, { maxLength: 40 }), (events) => {
        let state = EMPTY_SLOT;
        for (const next of events) {
          const before = state;
          state = transition(state, next);
          if (before.champion !== null) expect(state.champion).not.toBeNull();
          if (state.champion !== null) {
            expect(state.good.length).toBeGreaterThan(0);
            expect(state.refused[state.champion]).toBeUndefined();
          }
          if (onTrial(state)) expect(state.good).not.toContain(state.champion);
          expect(state.challenger?.model ?? null).not.toBe(state.champion ?? 'none');
          for (const m of [state.champion, ...state.good, state.challenger?.model]) {
            if (m) expect(needed(state)).toContain(m);
          }
          slotStateSchema.parse(JSON.parse(JSON.stringify(state)));
        }
      }),
      { numRuns: 2000 },
    );
  });

  it('does not try a model again that failed here, also when it is asked to', () => {
    const failed = reach([
      { kind: 'configured', model: A },
      { kind: 'desired', desired: want(A, B) },
      ...install(B, 'challenger'),
      { kind: 'failed', model: B, reason: 'worse' },
    ]);
    expect(reach(install(B, 'champion'), failed)).toEqual(failed);
  });

  it('never runs a model that was not configured or did not pass its tests here', () => {
    fc.assert(
      fc.property(fc.array(event, { maxLength: 40 }), (events) => {
        let state = EMPTY_SLOT;
        const fit = new Set<string>();
        for (const next of events) {
          if (next.kind === 'configured') fit.add(next.model);
          if (next.kind === 'passed' && state.step) fit.add(state.step.model);
          state = transition(state, next);
          if (state.champion !== null) expect(fit).toContain(state.champion);
          if (state.challenger) expect(fit).toContain(state.challenger.model);
        }
      }),
      { numRuns: 1000 },
    );
  });

  it('reaches what the newest desired state wants from any state, when all goes well', () => {
    fc.assert(
      fc.property(fc.array(event, { maxLength: 30 }), desiredSlot, (events, desired) => {
        const other = want(sha256Hex('other'));
        const state = settle(
          reach([...events, { kind: 'desired', desired: other }, { kind: 'desired', desired }]),
        );
        expect(state.champion).toBe(desired.champion.manifestSha256);
        const challenger = desired.challenger?.model.manifestSha256;
        const expected = challenger === state.champion ? null : (challenger ?? null);
        expect(state.challenger?.model ?? null).toBe(expected);
      }),
      { numRuns: 1000 },
    );
  });

  it('moves a model only along the allowed install states, as long as nothing new is wanted', () => {
    fc.assert(
      fc.property(fc.array(fc.boolean(), { maxLength: 12 }), (luck) => {
        let state = reach([
          { kind: 'configured', model: A },
          { kind: 'desired', desired: want(B, C) },
        ]);
        const step = (next: SlotEvent) => {
          const before = installOf(state);
          state = transition(state, next);
          const now = installOf(state);
          if (before && now && before.model === now.model && before.state !== now.state) {
            expect(INSTALL_MOVES[before.state]).toContain(now.state);
          }
        };
        for (const lucky of luck) {
          const next = nextInstall(state);
          if (next) {
            const { model: m, goal } = next;
            for (const to of ['verifying', 'fetching', 'verifying', 'staged', 'testing'] as const) {
              step({ kind: 'step', model: m, goal, to });
            }
            step(lucky ? { kind: 'passed' } : { kind: 'refused', reason: 'no' });
          } else if (state.champion && onTrial(state)) {
            step(lucky ? { kind: 'commit' } : { kind: 'failed', model: state.champion, reason: 'worse' });
          }
        }
      }),
    );
  });

  it('commits the first model at once, and puts a second on probation beside the first', () => {
    const first = reach([{ kind: 'desired', desired: want(A) }, ...install(A)]);
    expect(first).toMatchObject({ champion: A, good: [A] });
    const second = reach([{ kind: 'desired', desired: want(B) }, ...install(B)], first);
    expect(second).toMatchObject({ champion: B, good: [A] });
    expect(installOf(second)?.state).toBe('probation');
    expect(needed(second)).toEqual(expect.arrayContaining([A, B]));
    expect(transition(second, { kind: 'commit' })).toMatchObject({ champion: B, good: [B, A] });
  });

  it('goes back to the last good model and does not try the bad one again until it is wanted anew', () => {
    const state = reach([
      { kind: 'configured', model: A },
      { kind: 'desired', desired: want(B) },
      ...install(B),
      { kind: 'failed', model: B, reason: 'worse' },
    ]);
    expect(state.champion).toBe(A);
    expect(installOf(state)).toEqual({ model: B, state: 'rolled-back', reason: 'worse' });
    expect(nextInstall(state)).toBeUndefined();
    const again = transition(state, { kind: 'desired', desired: want(B) });
    expect(nextInstall(again)).toBeUndefined();
    const asked = reach(
      [
        { kind: 'desired', desired: want(A) },
        { kind: 'desired', desired: want(B) },
      ],
      again,
    );
    expect(nextInstall(asked)).toEqual({ model: B, goal: 'champion' });
  });

  it('promotes a challenger without installing it again', () => {
    const state = reach([
      { kind: 'configured', model: A },
      { kind: 'desired', desired: want(A, B) },
      ...install(B, 'challenger'),
      { kind: 'desired', desired: want(B) },
    ]);
    expect(state).toMatchObject({ champion: B, challenger: null, good: [A] });
    expect(nextInstall(state)).toBeUndefined();
  });

  it('changes a challenger’s share without installing it again', () => {
    const state = reach([
      { kind: 'configured', model: A },
      { kind: 'desired', desired: want(A, B, 0.05) },
      ...install(B, 'challenger'),
      { kind: 'desired', desired: want(A, B, 0.5) },
    ]);
    expect(state.challenger).toMatchObject({ model: B, share: 0.5 });
    expect(nextInstall(state)).toBeUndefined();
  });
});
