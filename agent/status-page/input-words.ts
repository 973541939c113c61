/** What is wrong with the inputs of a slot besides drift of one of them, a sentence each, the worst first. Pure. */
import { formatAge, formatClock, formatShare } from '../../web/format.ts';
import type { PageState } from '../../web/page-state.ts';
import type { InputsView, SlotView } from '../http/view.ts';

interface InputNote {
  readonly state: PageState;
  readonly text: string;
}

/** A change of the source stays on the page this long. */
const CHANGE_SHOWN_MS = 7 * 86_400_000;

const FAULT_WORDS: Record<InputsView['faults'][number]['fault'], string> = {
  missing: 'of the last values are missing',
  outOfRange: 'of the last values are physically impossible',
  stuck: 'of the last values stand still',
};

export function inputNotes(slot: Pick<SlotView, 'inputs' | 'labels' | 'drift'>, nowMs: number): InputNote[] {
  const { faults, labelDrift, pairs, sourceChange, samplesPerS, usualPerS } = slot.inputs;
  const notes: InputNote[] = faults.map(({ feature, fault, share }) => ({
    state: 'warning',
    text: `${feature}: ${formatShare(share)} ${FAULT_WORDS[fault]}.`,
  }));
  if (labelDrift?.drifting) notes.push({ state: 'warning', text: labelWords(slot.labels, labelDrift) });
  for (const { features, baseline, now } of pairs) {
    notes.push({
      state: 'warning',
      text: `${features[0]} and ${features[1]} no longer move together as in training: correlation ${now.toFixed(2)}, was ${baseline.toFixed(2)}.`,
    });
  }
  if (sourceChange && nowMs - sourceChange.timeMs < CHANGE_SHOWN_MS) {
    const { source, from, to, timeMs } = sourceChange;
    const after = slot.drift.find(({ sinceMs }) => sinceMs !== null && sinceMs >= timeMs);
    const drift = after ? ` ${after.feature} has drifted since.` : '';
    notes.push({
      state: after ? 'warning' : 'info',
      text: `${source} changed from version ${from} to ${to} at ${formatClock(timeMs, nowMs)}, ${formatAge(timeMs, nowMs)}.${drift}`,
    });
  }
  if (samplesPerS !== null && usualPerS !== null && isFar(samplesPerS, usualPerS)) {
    notes.push({
      state: 'info',
      text: `Samples come ${often(samplesPerS)}; usual is ${often(usualPerS)}.`,
    });
  }
  return notes;
}

function labelWords(
  labels: readonly string[],
  { shares, baselineShares }: NonNullable<InputsView['labelDrift']>,
) {
  const change = (i: number) => (shares[i] ?? 0) - (baselineShares[i] ?? 0);
  const most = shares.reduce((best, _, i) => (change(i) > change(best) ? i : best), 0);
  const was = formatShare(baselineShares[most] ?? 0);
  return `The model says ${labels[most] ?? 'a label'} for ${formatShare(shares[most] ?? 0)} of samples; on its training data it was ${was}.`;
}

function isFar(now: number, usual: number): boolean {
  return now > 2 * usual || usual > 2 * now;
}

function often(perS: number): string {
  return perS >= 1 ? `${perS.toFixed(1)} times a second` : `every ${(1 / perS).toFixed(1)} s`;
}
