/** How fast a figure grows, with what chance alone may make of it. Pure. */

export interface Growth {
  readonly bytesPerMin: number;
  /** Half the 95 % interval around it. */
  readonly spreadBytesPerMin: number;
}

export interface Point {
  readonly atMs: number;
  readonly bytes: number;
}

/**
 * A straight line by least squares. Memory goes up and down in long teeth, so neighbours are alike and the usual standard
 * error would be far too small: this one allows for what points up to a sixth of the time apart have in common
 * (Newey and West, Econometrica 55, 1987, with Bartlett's weights).
 * @param points evenly spaced; at least three, or the result is NaN
 */
export function growthOf(points: readonly Point[]): Growth {
  if (points.length < 3) return { bytesPerMin: Number.NaN, spreadBytesPerMin: Number.NaN };
  const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const minutes = points.map(({ atMs }) => atMs / 60_000);
  const middle = mean(minutes);
  const level = mean(points.map(({ bytes }) => bytes));
  const xs = minutes.map((minute) => minute - middle);
  const square = xs.reduce((sum, x) => sum + x * x, 0);
  const bytesPerMin =
    points.reduce((sum, { bytes }, i) => sum + (xs[i] as number) * (bytes - level), 0) / square;
  const scores = points.map(({ bytes }, i) => {
    const x = xs[i] as number;
    return x * (bytes - level - bytesPerMin * x);
  });
  const together = (lag: number) =>
    scores.slice(lag).reduce((sum, score, i) => sum + score * (scores[i] as number), 0);
  const lags = Math.floor(points.length / 6);
  let variance = together(0);
  for (let lag = 1; lag <= lags; lag++) variance += 2 * (1 - lag / (lags + 1)) * together(lag);
  return { bytesPerMin, spreadBytesPerMin: (1.96 * Math.sqrt(Math.max(0, variance))) / square };
}
