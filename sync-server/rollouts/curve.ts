/** How the evidence of a rollout came about: a few points, more of them where labels were few. Pure. */
import type { CurvePoint, Rollout } from './rollout.ts';

const MAX_POINTS = 80;
/** A point is kept when the labels have grown by this share since the last one. */
const GROWTH = 0.1;

/** @returns the curve with this look at its end; what stands between two points of one stage is left out where there are many */
export function extendedCurve(
  curve: readonly CurvePoint[],
  { stage, evidence }: Pick<Rollout, 'stage' | 'evidence'>,
  timeMs: number,
): CurvePoint[] {
  if (evidence.difference === null) return [...curve];
  const point: CurvePoint = { timeMs, stage, pairs: evidence.pairs, ...evidence.difference };
  const [last, before] = [curve.at(-1), curve.at(-2)];
  const isNear = (to: CurvePoint | undefined) =>
    to !== undefined && to.stage === stage && point.pairs < to.pairs * (1 + GROWTH);
  // The last point follows the newest look, until there is enough between it and the one before.
  const kept = last && isNear(last) && isNear(before) ? curve.slice(0, -1) : curve;
  return thinned([...kept, point]);
}

function thinned(curve: CurvePoint[]): CurvePoint[] {
  if (curve.length <= MAX_POINTS) return curve;
  return curve.filter(
    ({ stage }, i) => i % 2 === 0 || i === curve.length - 1 || curve[i - 1]?.stage !== stage,
  );
}
