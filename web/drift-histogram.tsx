/** The shares of one input: in training (outline) and now (filled). */
import { Fragment } from 'preact';

interface Props {
  shares: readonly number[];
  baselineShares: readonly number[];
  drifting: boolean;
}

export function DriftHistogram({ shares, baselineShares, drifting }: Props) {
  const bins = Math.max(1, baselineShares.length);
  const top = Math.max(0.01, ...shares, ...baselineShares);
  const width = 100 / bins;
  const bar = (share: number, i: number, inset: number) => ({
    x: i * width + inset,
    y: 40 - (share / top) * 38,
    width: Math.max(0.5, width - 2 * inset),
    height: (share / top) * 38,
  });
  return (
    <svg class="chart" viewBox="0 0 100 40" height="56" preserveAspectRatio="none" aria-hidden="true">
      {shares.map((share, i) => (
        <rect
          class={drifting ? 'drift-now drifting' : 'drift-now'}
          key={`now-${i}`}
          {...bar(share, i, 1.2)}
        />
      ))}
      {baselineShares.map((share, i) => (
        <rect class="drift-then" key={`then-${i}`} {...bar(share, i, 0.6)} />
      ))}
      <line class="axis" x1="0" x2="100" y1="40" y2="40" />
    </svg>
  );
}

export function DriftKey() {
  return (
    <p class="small soft key">
      <svg width="12" height="12" aria-hidden="true">
        <rect class="drift-now" width="12" height="12" />
      </svg>{' '}
      now{' '}
      <svg width="12" height="12" aria-hidden="true">
        <rect class="drift-then" x="1" y="1" width="10" height="10" />
      </svg>{' '}
      in training
    </p>
  );
}

/** A long name wraps between its words, not inside one. */
export function FeatureName({ name }: { name: string }) {
  return name.split(/(?<=_)/).map((word, i) => (
    <Fragment key={i}>
      {word}
      <wbr />
    </Fragment>
  ));
}
