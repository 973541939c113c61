/** The model's one number on a line: where it is now, what was promised, and what it must beat. */
import { formatRatio } from './format.ts';

export interface ScaleMark {
  readonly kind: 'now' | 'promised' | 'baseline';
  readonly name: string;
  readonly value: number;
}

/** Positions in percent: the values fill the line from 6 % to 94 %. */
function scalePositions(values: readonly number[]): number[] {
  const low = Math.min(...values);
  const span = Math.max(...values) - low;
  return values.map((value) => (span === 0 ? 50 : 6 + ((value - low) / span) * 88));
}

/** @param interval of what is now, drawn as a soft band */
export function ValueScale(props: {
  marks: readonly ScaleMark[];
  interval?: { readonly low: number; readonly high: number } | null;
}) {
  const { marks, interval } = props;
  const ends = interval ? [interval.low, interval.high] : [];
  const positions = scalePositions([...marks.map((mark) => mark.value), ...ends]);
  const [low, high] = positions.slice(marks.length);
  const words = marks.map((mark) => `${mark.name} ${formatRatio(mark.value)}`).join(', ');
  return (
    <svg class="chart scale" height="26" role="img" aria-label={words}>
      <rect class="track" x="0" y="11" width="100%" height="4" rx="2" />
      {low === undefined || high === undefined ? null : (
        <rect class="scale-interval" x={`${low}%`} y="8" width={`${high - low}%`} height="10" rx="5" />
      )}
      {marks.map((mark, i) => (
        <ScalePoint key={mark.kind} kind={mark.kind} at={`${positions[i] ?? 50}%`} />
      ))}
    </svg>
  );
}

/** A filled dot, a ring, a bar: told apart without colour. The legend uses the same signs. */
function ScalePoint({ kind, at }: { kind: ScaleMark['kind']; at: string }) {
  if (kind === 'now') return <circle class="scale-now" cx={at} cy="13" r="8" />;
  if (kind === 'promised') return <circle class="scale-promised" cx={at} cy="13" r="6" />;
  return <line class="scale-baseline" x1={at} x2={at} y1="3" y2="23" />;
}

export function ScaleLegend({ marks }: { marks: readonly ScaleMark[] }) {
  return (
    <ul class="scale-legend">
      {marks.map((mark) => (
        <li key={mark.kind}>
          <svg viewBox="0 0 26 26" width="16" height="16" aria-hidden="true">
            <ScalePoint kind={mark.kind} at="13" />
          </svg>
          <span>
            {mark.name} <strong>{formatRatio(mark.value)}</strong>
          </span>
        </li>
      ))}
    </ul>
  );
}
