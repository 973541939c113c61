/** A rollout's state, stages, terms and evidence in words. */
import { formatCounted, formatMinute, formatShare } from '../../web/format.ts';
import type { PageState } from '../../web/page-state.ts';
import type { RolloutStage, RolloutState, RolloutView } from '../views/rollout.ts';

const DAY_MS = 86_400_000;
/** Nobody should count on a date further ahead. */
const FORESEEN_DAYS = 365;

export const ROLLOUT_STATES: Record<RolloutState, { state: PageState; word: string }> = {
  advancing: { state: 'info', word: 'Advancing' },
  holding: { state: 'info', word: 'Holding' },
  'waiting-for-approval': { state: 'warning', word: 'Waiting for approval' },
  paused: { state: 'warning', word: 'Paused by a person' },
  done: { state: 'ok', word: 'Done' },
  'rolled-back': { state: 'alarm', word: 'Rolled back' },
  aborted: { state: 'idle', word: 'Aborted by a person' },
};

export function isRunning({ state }: Pick<RolloutView, 'state'>): boolean {
  return state !== 'done' && state !== 'rolled-back' && state !== 'aborted';
}

export function stageWords(stage: RolloutStage): { devices: string; traffic: string } {
  return {
    devices: stage.devices >= 1 ? 'all devices' : `${formatShare(stage.devices)} of devices`,
    traffic: stage.traffic >= 1 ? 'decides every sample' : `decides ${formatShare(stage.traffic)} of samples`,
  };
}

/** When it goes on, when it goes back, and how often each is wrong. */
export function planWords({ plan, evidence }: Pick<RolloutView, 'plan' | 'evidence'>): string {
  const margin = amountWords(plan.margin, evidence.metricName);
  const window = plan.windows.map(({ days, from, to }) => `${days.join(', ')} ${from} to ${to}`).join('; ');
  const zone = plan.timeZone === undefined ? '' : ` (${plan.timeZone})`;
  return [
    `It goes on when the labels show that the new model is not worse by ${margin}, and back when they show that it is worse: each is wrong in at most ${formatShare(plan.alpha)} of rollouts.`,
    `Each stage needs ${formatCounted(plan.minPairs, 'labelled sample')} of its own.`,
    ...(window === '' ? [] : [`It goes on only on ${window}${zone}.`]),
  ].join(' ');
}

/** `2 points`, or `2 misses in 100` where the metric counts misses. */
function amountWords(share: number, metricName: string): string {
  const amount = Math.round(share * 1000) / 10;
  if (metricName === 'f-beta') return `${amount} ${amount === 1 ? 'miss' : 'misses'} in 100`;
  return `${amount} ${amount === 1 ? 'point' : 'points'}`;
}

/** `+2.6`: hundredths of a difference, with a real minus. */
export function signedPoints(difference: number): string {
  const text = Math.abs(difference * 100).toFixed(1);
  if (Number(text) === 0) return '0';
  return `${difference < 0 ? '−' : '+'}${text}`;
}

/** What a difference counts. */
export function differenceUnit(metricName: string): string {
  return metricName === 'f-beta' ? 'misses saved in 100' : 'points';
}

/** How many labels are missing, and when they will be there at the present pace; undefined where that is no question. */
export function neededWords({ evidence, state }: RolloutView, nowMs: number): string | undefined {
  const { needed, perDay } = evidence;
  if (!needed || !isRunning({ state })) return undefined;
  const words = `About ${formatCounted(needed, 'more labelled sample')} ${needed === 1 ? 'is' : 'are'} needed`;
  if (!perDay) return `${words}.`;
  const days = needed / perDay;
  if (days > FORESEEN_DAYS) return `${words}; at the present pace that takes more than a year.`;
  return `${words}; at the present pace they are there by ${formatMinute(nowMs + days * DAY_MS, nowMs)}.`;
}
