/** How fast a figure grows, with what its ups and downs make of that. Pure. */

export interface Growth {
  readonly bytesPerMin: number;
  /** Half of the 95 % interval. */
  readonly spreadBytesPerMin: number;
}

export interface Point {
  readonly atMs: number;
  readonly bytes: number;
}

/** Memory goes up and down in teeth of minutes, so looks next to each other say the same; means of so long pieces do not. */
const PIECES = 6;
/** Student's t, 97.5 %, for a line through so many means (4 degrees of freedom). */
const T = 2.776;

/**
 * A straight line by least squares through the means of six pieces of the time.
 * @param points in order; where there are fewer than six the result is NaN
 */
export function growthOf(points: readonly Point[]): Growth {
  const pieces = Array.from({ length: PIECES }, (_, i) =>
    points.slice((i * points.length) / PIECES, ((i + 1) * points.length) / PIECES),
  );
  const minutes = pieces.map((piece) => mean(piece.map(({ atMs }) => atMs / 60_000)));
  const levels = pieces.map((piece) => mean(piece.map(({ bytes }) => bytes)));
  const [middle, level] = [mean(minutes), mean(levels)];
  const square = sum(minutes.map((minute) => (minute - middle) ** 2));
  const bytesPerMin = sum(minutes.map((minute, i) => (minute - middle) * (levels[i] as number))) / square;
  const rest = minutes.map((minute, i) => (levels[i] as number) - level - bytesPerMin * (minute - middle));
  const variance = sum(rest.map((bytes) => bytes ** 2)) / (PIECES - 2);
  return { bytesPerMin, spreadBytesPerMin: T * Math.sqrt(variance / square) };
}

function mean(values: readonly number[]): number {
  return sum(values) / values.length;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
