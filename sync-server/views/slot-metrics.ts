/** How well the versions of a slot's model do: `GET /api/metrics/{slot}`. */
import type { MetricReport, ShownEstimate } from '../../protocol/evidence/metric-report.ts';

/** `GET /api/metrics/{slot}` */
export interface SlotMetricsView {
  slot: string;
  /** Device time, ms since the Unix epoch, of the labelled predictions that were counted; 0 without any. */
  fromMs: number;
  untilMs: number;
  /** The curve has one point a span. */
  spanMs: number;
  /** Published versions that decided in the slot, the newest there first. */
  versions: VersionMetricView[];
}

export interface VersionMetricView extends MetricReport {
  title: string;
  manifestSha256: string;
  /** When it first decided in the slot. */
  firstMs: number;
  /** Corrected where that makes a difference; spans without labels are left out. The oldest first. */
  curve: CurvePoint[];
}

interface CurvePoint extends ShownEstimate {
  fromMs: number;
}
