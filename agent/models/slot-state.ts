/**
 * A slot's durable row and what can happen to it.
 *
 * What always holds: `good` lists models that did well here, newest first; the champion is `good[0]` (committed) or a
 * newcomer on probation, and then `good[0]` is there to go back to. A slot that had a champion keeps one.
 */
import { z } from 'zod';
import { desiredSlotSchema, type ModelRef } from '../../protocol/messages.ts';

const sha256 = z.string().regex(/^[0-9a-f]{64}$/);

/** Measured on this device, beside the champion. */
const selfTestSchema = z.object({
  /** 99th percentile of the time inside the engine for one row, milliseconds. */
  latencyP99Ms: z.number().min(0),
  /** By which the engine grew, or the size of the file where that is more. */
  memoryBytes: z.int().min(0),
});
export type SelfTest = z.infer<typeof selfTestSchema>;

/** A slot's durable row. */
export const slotStateSchema = z.object({
  champion: sha256.nullable(),
  /** The committed champion, and the one before it. */
  good: z.array(sha256).max(2),
  challenger: z.object({ model: sha256, share: z.number(), rolloutId: z.string() }).nullable(),
  /** What the server wants; null as long as it never said. */
  desired: desiredSlotSchema.nullable(),
  /** The installation under way. */
  step: z
    .object({
      model: sha256,
      goal: z.enum(['champion', 'challenger']),
      /** `shadow`: looks on at live samples. `ready`: passed all, and waits until it may decide. */
      state: z.enum(['fetching', 'verifying', 'staged', 'testing', 'shadow', 'ready']),
    })
    .nullable(),
  /** Wanted models that will not be tried again until they are wanted no more. */
  refused: z.record(sha256, z.object({ state: z.enum(['refused', 'rolled-back']), reason: z.string() })),
  /** The model that the config's folder held when it was last installed from there. */
  configured: sha256.nullable(),
  /** Agent starts with a newcomer at work and no calm time between them: a boot loop shows here. */
  trialStarts: z.int().min(0),
  /** No newcomer may begin to decide for the line now: a person holds the slot, or its maintenance window is shut. */
  held: z.boolean().default(false),
  /** Agent starts that found this model's test begun and never ended: what kills agent or machine shows here. */
  cut: z
    .object({ model: sha256, times: z.int().min(1) })
    .nullable()
    .default(null),
  /** What the self-test measured of the models that work or are tested here. */
  figures: z.record(sha256, selfTestSchema).default({}),
});
export type SlotState = z.infer<typeof slotStateSchema>;
export type Goal = 'champion' | 'challenger';
export type StepState = NonNullable<SlotState['step']>['state'];

export type SlotEvent =
  /** The server wants this now. */
  | { kind: 'desired'; desired: NonNullable<SlotState['desired']> }
  /** The model of the config's folder was verified and may run without probation. */
  | { kind: 'configured'; model: string }
  | { kind: 'step'; model: string; goal: Goal; to: StepState }
  | { kind: 'measured'; model: string; figures: SelfTest }
  /** The step's model passed all its tests: it goes to work, or waits while the slot is held. */
  | { kind: 'passed' }
  /** From now on newcomers must wait, or may go to work. */
  | { kind: 'gate'; held: boolean }
  /** The step's model must not run here. */
  | { kind: 'refused'; reason: string }
  /** The champion did its probation. */
  | { kind: 'commit' }
  /** A model that works here broke a guardrail, or does not load any more. */
  | { kind: 'failed'; model: string; reason: string }
  /** Newer signed metadata are here: what the old ones refused is tried again. */
  | { kind: 'trust-changed' }
  /** The agent has run long enough for its next start to be no part of a boot loop. */
  | { kind: 'calm' }
  /** The agent ends because it was asked to: a test that this cuts is no test that ended the agent. */
  | { kind: 'stopped' }
  /** The agent starts: an installation that a reboot cut begins again. */
  | { kind: 'started' };

export const EMPTY_SLOT: SlotState = {
  champion: null,
  good: [],
  challenger: null,
  desired: null,
  step: null,
  refused: {},
  configured: null,
  trialStarts: 0,
  held: false,
  cut: null,
  figures: {},
};

export function onTrial(state: SlotState): boolean {
  return state.champion !== null && state.champion !== state.good[0];
}

/** The reference by which the server wants this model. */
export function refOf(state: SlotState, model: string): ModelRef | undefined {
  const { desired } = state;
  return [desired?.champion, desired?.challenger?.model].find((ref) => ref?.manifestSha256 === model);
}

/** Of what the server wants: models that are installed here, or refused. */
export function settledRefs({ champion, challenger, good, refused, desired }: SlotState): ModelRef[] {
  const settled = [champion, challenger?.model, ...good, ...Object.keys(refused)];
  return [desired?.champion, desired?.challenger?.model]
    .filter((ref) => ref !== undefined)
    .filter(({ manifestSha256 }) => settled.includes(manifestSha256));
}

/** Models whose packages must stay on the disk. */
export function needed(state: SlotState): string[] {
  const wantedRefs = [state.desired?.champion, state.desired?.challenger?.model];
  const models = [
    state.champion,
    state.challenger?.model,
    ...state.good,
    ...wantedRefs.map((ref) => ref?.manifestSha256).filter((model) => model && !state.refused[model]),
  ];
  return [...new Set(models.filter((model) => typeof model === 'string'))];
}

/** Models that work here, did well here, or are being tested. */
export function isAtHand(state: SlotState, model: string): boolean {
  return [state.champion, ...state.good, state.challenger?.model, state.step?.model].includes(model);
}

export function isWanted(state: SlotState, model: string): boolean {
  return refOf(state, model) !== undefined;
}
