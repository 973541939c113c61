import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { INSTALL_MOVES, installOf, waitsForGate } from '../../../agent/models/install-view.ts';
import {
  EMPTY_SLOT,
  needed,
  onTrial,
  type SlotEvent,
  type SlotState,
  slotStateSchema,
} from '../../../agent/models/slot-state.ts';
import { MAX_CUT_TESTS, nextInstall, transition } from '../../../agent/models/transitions.ts';
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
      to: fc.constantFrom(
        'fetching' as const,
        'verifying' as const,
        'staged' as const,
        'testing' as const,
        'shadow' as const,
      ),
    })
    .map((step): SlotEvent => ({ kind: 'step', ...step })),
  fc.constantFrom<SlotEvent>(
    { kind: 'passed' },
    { kind: 'refused', reason: 'bad' },
    { kind: 'refused', reason: 'TRUST_EXPIRED: old' },
    { kind: 'commit' },
    { kind: 'started' },
    { kind: 'calm' },
    { kind: 'trust-changed' },
    { kind: 'gate', held: true },
    { kind: 'gate', held: false },
  ),
  model.map((m): SlotEvent => ({ kind: 'measured', model: m, figures: { latencyP99Ms: 1, memoryBytes: 1 } })),
  model.map((m): SlotEvent => ({ kind: 'failed', model: m, reason: 'worse' })),
);

/** Lets newcomers decide and installs whatever is wanted, all going well; returns where the slot comes to rest. */
function settle(state: SlotState): SlotState {
  let current = transition(state, { kind: 'gate', held: false });
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

  it('lets nothing new decide in a slot that is held, whatever happens: it goes back, or stays', () => {
    fc.assert(
      fc.property(fc.array(event, { maxLength: 40 }), (events) => {
        let state = EMPTY_SLOT;
        for (const next of events) {
          const before = state;
          state = transition(state, next);
          if (!before.held || !state.held || next.kind === 'configured') continue;
          if (state.champion !== before.champion && before.good.length > 0) {
            expect(before.good).toContain(state.champion);
          }
          const shareBefore =
            before.challenger?.model === state.challenger?.model ? (before.challenger?.share ?? 0) : 0;
          expect(state.challenger?.share ?? 0).toBeLessThanOrEqual(shareBefore);
        }
      }),
      { numRuns: 2000 },
    );
  });

  it('goes on from any row that a crash left, to what is wanted, with the last good model at hand all the time', () => {
    fc.assert(
      fc.property(fc.array(event, { maxLength: 30 }), fc.array(fc.nat(30)), (events, crashes) => {
        let state = reach([
          { kind: 'configured', model: A },
          { kind: 'desired', desired: want(B) },
        ]);
        for (const [i, next] of events.entries()) {
          state = transition(state, next);
          // A crash is the row as it was written last, read again by an agent that starts.
          if (crashes.includes(i)) {
            const row = slotStateSchema.parse(JSON.parse(JSON.stringify(state)));
            state = transition(row, { kind: 'started' });
            expect(state.step).toBeNull();
          }
          expect(state.champion).not.toBeNull();
          expect(needed(state)).toEqual(expect.arrayContaining([...state.good]));
        }
        const wanted = state.desired?.champion.manifestSha256;
        const settled = settle(state);
        if (wanted && !state.refused[wanted]) expect(settled.champion).toBe(wanted);
        else expect(settled.good).toContain(settled.champion);
      }),
      { numRuns: 1000 },
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

  it('keeps a tested newcomer waiting while the slot is held, and lets it decide when that ends', () => {
    const held = reach([
      { kind: 'configured', model: A },
      { kind: 'desired', desired: want(B) },
      { kind: 'gate', held: true },
      ...install(B),
    ]);
    expect(held).toMatchObject({ champion: A, step: { model: B, state: 'ready' } });
    expect(waitsForGate(held)).toBe(true);
    expect(nextInstall(held)).toBeUndefined();
    expect(INSTALL_MOVES.testing).toContain('probation');
    expect(installOf(held)).toMatchObject({ model: B, state: 'testing' });
    const open = transition(held, { kind: 'gate', held: false });
    expect(open).toMatchObject({ champion: B, good: [A], step: null });
    expect(waitsForGate(open)).toBe(false);
    const changedMind = transition(held, { kind: 'desired', desired: want(A) });
    expect(changedMind).toMatchObject({ champion: A, step: null });
    expect(nextInstall(transition(held, { kind: 'started' }))).toEqual({ model: B, goal: 'champion' });
  });

  it('lets a challenger look on in a held slot, gives it no samples to decide, and promotes it later', () => {
    const looksOn = reach([
      { kind: 'configured', model: A },
      { kind: 'gate', held: true },
      { kind: 'desired', desired: want(A, B, 0.3) },
      ...install(B, 'challenger'),
    ]);
    expect(looksOn.challenger).toMatchObject({ model: B, share: 0 });
    expect(waitsForGate(looksOn)).toBe(true);
    const promoted = transition(looksOn, { kind: 'desired', desired: want(B) });
    expect(promoted).toMatchObject({ champion: A, challenger: { model: B, share: 0 } });
    expect(nextInstall(promoted)).toBeUndefined();
    expect(transition(promoted, { kind: 'gate', held: false })).toMatchObject({ champion: B, good: [A] });
    expect(transition(looksOn, { kind: 'gate', held: false }).challenger?.share).toBe(0.3);
    // A smaller share, and an end of the trial, are steps back.
    const open = transition(looksOn, { kind: 'gate', held: false });
    const shut = transition(open, { kind: 'gate', held: true });
    expect(transition(shut, { kind: 'desired', desired: want(A, B, 0.1) }).challenger?.share).toBe(0.1);
    expect(transition(shut, { kind: 'desired', desired: want(A, B, 0.9) }).challenger?.share).toBe(0.3);
    expect(transition(shut, { kind: 'desired', desired: want(A) }).challenger).toBeNull();
  });

  it('refuses a model whose test ended the agent three times, and starts the count anew when one test ends well', () => {
    const tested: SlotEvent[] = [...install(B).slice(0, -1), { kind: 'started' }];
    let state = reach([
      { kind: 'configured', model: A },
      { kind: 'desired', desired: want(B) },
    ]);
    for (let times = 1; times < MAX_CUT_TESTS; times++) {
      state = reach(tested, state);
      expect(nextInstall(state)).toEqual({ model: B, goal: 'champion' });
    }
    const refused = reach(tested, state);
    expect(nextInstall(refused)).toBeUndefined();
    expect(installOf(refused)).toMatchObject({ model: B, state: 'refused' });
    expect(installOf(refused)?.reason).toContain('MODEL_ENDS_AGENT');
    const inTime = reach([...install(B), { kind: 'commit' }], state);
    expect(inTime).toMatchObject({ champion: B, cut: null });
    // A person's restart leaves no test behind that was begun.
    const asked = reach([...install(B).slice(0, -2), { kind: 'started' }], state);
    expect(asked.cut?.times).toBe(state.cut?.times);
  });

  it('tries again what the signed metadata refused when they change, and nothing else', () => {
    const refused = (reason: string) =>
      reach([
        { kind: 'configured', model: A },
        { kind: 'desired', desired: want(B) },
        { kind: 'step', model: B, goal: 'champion', to: 'verifying' },
        { kind: 'refused', reason },
        { kind: 'trust-changed' },
      ]);
    expect(nextInstall(refused('TARGET_UNKNOWN: not on the list'))).toEqual({ model: B, goal: 'champion' });
    expect(nextInstall(refused('GOLDEN_SAMPLES_FAILED: off by 1'))).toBeUndefined();
  });

  it('counts starts of the agent while a newcomer is at work, until a calm time', () => {
    const beside = reach([
      { kind: 'configured', model: A },
      { kind: 'desired', desired: want(A, B) },
      ...install(B, 'challenger'),
      { kind: 'started' },
      { kind: 'started' },
    ]);
    expect(beside.trialStarts).toBe(2);
    expect(transition(beside, { kind: 'calm' }).trialStarts).toBe(0);
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
