/** Metrics below each other on one scale: a dot, and a line over its interval; a reference runs through all rows. */
import type { ComponentChildren } from 'preact';
import type { ShownEstimate } from '../protocol/evidence/metric-report.ts';
import { formatCounted, formatRatio } from './format.ts';

export interface IntervalRow {
  readonly name: string;
  readonly estimate: ShownEstimate;
  readonly note?: ComponentChildren;
  readonly state?: 'plain' | 'worse' | 'faint';
}

export interface Scale {
  readonly low: number;
  readonly high: number;
}

/** From a little below the lowest end to a little above the highest, within 0..1. */
export function scaleOf(estimates: readonly ShownEstimate[], others: readonly number[] = []): Scale {
  const values = [...estimates.flatMap(({ low, high }) => [low, high]), ...others];
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const room = Math.max(0.02, (high - low) * 0.06);
  return { low: Math.max(0, low - room), high: Math.min(1, high + room) };
}

/** Position of a value, percent. */
export function placeOn({ low, high }: Scale, value: number): number {
  return high === low ? 50 : ((value - low) / (high - low)) * 100;
}

/** @param reference drawn as a thin line, and named by the caller */
export function IntervalRows(props: { rows: readonly IntervalRow[]; scale: Scale; reference?: number }) {
  const { rows, scale, reference } = props;
  return (
    <ul class="interval-rows">
      {rows.map(({ name, estimate, note, state = 'plain' }) => (
        <li key={name} class={`interval-row ${state}`}>
          <span class="name">{name}</span>
          <svg class="chart" height="22" aria-hidden="true">
            {reference === undefined ? null : (
              <line class="reference" x1={at(scale, reference)} x2={at(scale, reference)} y1="-6" y2="28" />
            )}
            <line
              class="interval"
              x1={at(scale, estimate.low)}
              x2={at(scale, estimate.high)}
              y1="11"
              y2="11"
            />
            <circle class="dot" cx={at(scale, estimate.value)} cy="11" r="5.5" />
          </svg>
          <span class="figures-words">
            <strong>{formatRatio(estimate.value)}</strong>{' '}
            <span class="small soft">
              {formatRatio(estimate.low)} to {formatRatio(estimate.high)},{' '}
              {formatCounted(estimate.labels, 'label')}
            </span>
          </span>
          {note ? <span class="note small">{note}</span> : null}
        </li>
      ))}
    </ul>
  );
}

function at(scale: Scale, value: number): string {
  return `${placeOn(scale, value).toFixed(2)}%`;
}
