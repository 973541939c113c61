/** The kept predictions as a hook: renewed at a reading pace, and held while a person is busy with them. */
import { useRef } from 'preact/hooks';
import type { SlotView } from '../http/view.ts';
import { type KeptPredictions, keepPredictions } from './kept-predictions.ts';

const RENEW_EVERY_MS = 2000;

export function useKeptPredictions(slot: SlotView, nowMs: number, held: boolean): KeptPredictions {
  const kept = useRef<KeptPredictions>({ attention: [], latest: [] });
  const renewedAtMs = useRef(Number.NEGATIVE_INFINITY);
  const still = held || nowMs - renewedAtMs.current < RENEW_EVERY_MS;
  kept.current = keepPredictions(kept.current, slot.recent, slot.labels, still);
  if (!still) renewedAtMs.current = nowMs;
  return kept.current;
}
