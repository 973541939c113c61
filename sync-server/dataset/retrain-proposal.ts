/** When drift and new labels together are a reason to train anew. A proposal for people: nothing is ever started by it. Pure. */
import type { DriftNote, LabelsSince } from '../store/drift-labels.ts';

export interface OpenDrift {
  readonly slot: string;
  /** When the first of what still drifts began, by that device's clock. */
  readonly sinceMs: number;
  /** In the order in which they began, each once. */
  readonly features: readonly string[];
  readonly devices: readonly string[];
}

/** @param notes oldest first @returns what drifts still, by slot */
export function openDrifts(notes: readonly DriftNote[]): OpenDrift[] {
  const open = new Map<string, DriftNote>();
  for (const note of notes) {
    const key = JSON.stringify([note.slot, note.device, note.feature]);
    if (!note.drifting) open.delete(key);
    else if (!open.has(key)) open.set(key, note);
  }
  const slots = new Map<string, DriftNote[]>();
  for (const note of open.values()) slots.set(note.slot, [...(slots.get(note.slot) ?? []), note]);
  return [...slots].map(([slot, still]) => ({
    slot,
    sinceMs: Math.min(...still.map(({ timeMs }) => timeMs)),
    features: [...new Set(still.map(({ feature }) => feature))],
    devices: [...new Set(still.map(({ device }) => device))],
  }));
}

interface RolloutNote {
  readonly slot: string;
  readonly state: string;
  readonly startedAtMs: number;
}

export type Verdict = 'train' | 'features-missing' | 'wait';

/**
 * @param enough labelled samples that a training should have
 * @returns `wait` also where a rollout that began after the drift did is under way or done: somebody has acted
 */
export function judgeDrift(
  { slot, sinceMs }: OpenDrift,
  { labelled, withFeatures }: LabelsSince,
  rollouts: readonly RolloutNote[],
  enough: number,
): Verdict {
  const answered = rollouts.some(
    (rollout) =>
      rollout.slot === slot &&
      rollout.startedAtMs >= sinceMs &&
      rollout.state !== 'rolled-back' &&
      rollout.state !== 'aborted',
  );
  if (answered || labelled < enough) return 'wait';
  return withFeatures >= enough ? 'train' : 'features-missing';
}
