/** When silence is an alarm: samples, predictions or acknowledgements that stopped, in words that say what to do. Pure. */
import type { AlarmCause } from './alarm-cause.ts';
import { spanWords } from './span-words.ts';

/** A source that was never heard may be this late. */
const FIRST_SAMPLE_MS = 15_000;
/** Silence is so many usual gaps, and at least this long. */
const USUAL_GAPS = 20;
const MIN_SILENCE_MS = 5000;
const PREDICTION_SILENCE_MS = 5000;
const ACK_SILENCE_MS = 20_000;

export interface SlotFacts {
  readonly slot: string;
  readonly source: string;
  /** All times on the monotonic clock, ms; null: never yet. */
  readonly startedMs: number;
  readonly lastSampleMs: number | null;
  readonly usualGapMs: number;
  readonly lastPredictionMs: number | null;
  /** A finite source that has delivered all it had is not silent. */
  readonly sourceDone: boolean;
}

export interface LinkFacts {
  readonly connected: boolean;
  /** The last time when nothing waited for it, or when it acknowledged something, or when it was out of reach. */
  readonly settledMs: number;
}

export function silences(nowMs: number, slots: readonly SlotFacts[], link: LinkFacts | null): AlarmCause[] {
  const found = slots.map((facts) => slotSilence(nowMs, facts));
  return [...found, link && linkSilence(nowMs, link)].filter((silence) => silence !== null);
}

function slotSilence(nowMs: number, facts: SlotFacts): AlarmCause | null {
  const { slot, source, lastSampleMs, lastPredictionMs } = facts;
  if (facts.sourceDone) return null;
  const allowedMs =
    lastSampleMs === null ? FIRST_SAMPLE_MS : Math.max(MIN_SILENCE_MS, USUAL_GAPS * facts.usualGapMs);
  const sampleSilenceMs = nowMs - (lastSampleMs ?? facts.startedMs);
  if (sampleSilenceMs > allowedMs) {
    return {
      code: 'no-samples',
      slot,
      severity: 'alarm',
      text: `No usable samples for ${slot} for ${spanWords(sampleSilenceMs)}.`,
      next: `Check that ${source} is powered, connected and sending, and whether samples are refused.`,
    };
  }
  if (lastSampleMs === null) return null;
  const lastMs = lastPredictionMs ?? facts.startedMs;
  const silent =
    nowMs - lastMs > PREDICTION_SILENCE_MS + allowedMs && lastSampleMs - lastMs > PREDICTION_SILENCE_MS;
  if (!silent) return null;
  return {
    code: 'no-predictions',
    slot,
    severity: 'alarm',
    text: `Samples for ${slot} come in, but no predictions for ${spanWords(nowMs - lastMs)}.`,
    next: 'Look at the refused samples and the state of the model below.',
  };
}

function linkSilence(nowMs: number, link: LinkFacts): AlarmCause | null {
  const sinceMs = nowMs - link.settledMs;
  if (!link.connected || sinceMs <= ACK_SILENCE_MS) return null;
  return {
    code: 'no-acknowledgements',
    slot: null,
    severity: 'warning',
    text: `The server has acknowledged nothing for ${spanWords(sinceMs)}.`,
    next: 'Nothing is lost: records wait on this device. Tell the central team that the server does not answer.',
  };
}
