/** How the evidence of a rollout came about: a few points, more of them where labels were few. Pure. */
import { type CurvePoint, isOpen, type Rollout } from './rollout.ts';

const MAX_POINTS = 80;
const MAX_POINTS_ENDED = 24;
/** A point is kept when the labels have grown by this share since the last one. */
const GROWTH = 0.1;

/** @returns the curve with this look at its end; what stands between two points of one stage is left out where there are many */
export function extendedCurve(
  curve: readonly CurvePoint[],
  { stage, evidence }: Pick<Rollout, 'stage' | 'evidence'>,
  timeMs: number,
): CurvePoint[] {
  if (evidence.difference === null) return [...curve];
  const { mean, low, high } = evidence.difference;
  const ends = { mean: rounded(mean), low: rounded(low), high: rounded(high) };
  const point: CurvePoint = { timeMs, stage, pairs: evidence.pairs, ...ends };
  const [last, before] = [curve.at(-1), curve.at(-2)];
  if (last && isSame(last, point)) return [...curve];
  const isNear = (to: CurvePoint | undefined) =>
    to !== undefined && to.stage === stage && point.pairs < to.pairs * (1 + GROWTH);
  // The last point follows the newest look, until there is enough between it and the one before.
  const kept = last && isNear(last) && isNear(before) ? curve.slice(0, -1) : curve;
  return thinned([...kept, point]);
}

function isSame(a: CurvePoint, b: CurvePoint): boolean {
  return (
    a.stage === b.stage && a.pairs === b.pairs && a.mean === b.mean && a.low === b.low && a.high === b.high
  );
}

/** As many of its points as a view of an ended rollout needs: there are many of those, and every page gets them all. */
export function shownCurve({ curve, state }: Pick<Rollout, 'curve' | 'state'>): CurvePoint[] {
  let shown = curve;
  while (!isOpen({ state }) && shown.length > MAX_POINTS_ENDED) {
    const fewer = everySecond(shown);
    if (fewer.length === shown.length) break;
    shown = fewer;
  }
  return shown;
}

function thinned(curve: CurvePoint[]): CurvePoint[] {
  return curve.length <= MAX_POINTS ? curve : everySecond(curve);
}

/** The last point stays, and the first of each stage. */
function everySecond(curve: readonly CurvePoint[]): CurvePoint[] {
  return curve.filter(
    ({ stage }, i) => i % 2 === 0 || i === curve.length - 1 || curve[i - 1]?.stage !== stage,
  );
}

function rounded(value: number): number {
  return Math.round(value * 1e4) / 1e4;
}
