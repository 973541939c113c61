/** What MLflow is told of a model that came from it: one report a rollout decision and one a day of serving. Pure. */
import { z } from 'zod';
import { metricValue } from '../../protocol/evidence/metric-estimate.ts';
import { labelCount, type OutcomeCount } from '../../protocol/evidence/outcome-count.ts';
import type { Metric } from '../../protocol/manifest.ts';
import type { Rollout } from '../rollouts/rollout.ts';
import type { NumberedDecision } from '../store/mlflow-table.ts';

/** Every value is fixed when it is gathered, timestamps and steps too: MLflow keeps a report that comes twice once. */
export const runReportSchema = z.object({
  runId: z.string(),
  metrics: z.array(z.object({ key: z.string(), value: z.number(), timestamp: z.int(), step: z.int() })),
  tags: z.array(z.object({ key: z.string(), value: z.string() })),
  /** The registered version that gets the tags too. */
  modelVersion: z.object({ name: z.string(), version: z.string() }).nullable(),
});
export type RunReport = z.infer<typeof runReportSchema>;

export interface Origin {
  readonly runId?: string | undefined;
  readonly modelName?: string | undefined;
  readonly modelVersion?: number | undefined;
}

const MS_A_DAY = 86_400_000;
/** MLflow 2 takes tag values of 500 characters on some stores. */
const TAG_CHARS = 500;

/** @returns undefined for a model without a run */
export function decisionReport(
  origin: Origin,
  rollout: Pick<Rollout, 'id' | 'slot' | 'evidence'>,
  { number, decision }: NumberedDecision,
): RunReport | undefined {
  const { evidence } = decision;
  const metric = `andon.rollout.${rollout.evidence.metricName}`;
  return reportOf(origin, {
    timestamp: decision.timeMs,
    step: number,
    values: {
      'andon.rollout.stage': decision.stage + 1,
      'andon.rollout.pairs': evidence?.pairs,
      'andon.rollout.challenger-better': evidence?.challengerBetter,
      'andon.rollout.champion-better': evidence?.championBetter,
      'andon.rollout.difference': evidence?.difference?.mean,
      'andon.rollout.difference.low': evidence?.difference?.low,
      'andon.rollout.difference.high': evidence?.difference?.high,
      [metric]: evidence?.challengerMetric,
      [`${metric}.champion`]: evidence?.championMetric,
    },
    tags: {
      'andon.rollout': rollout.id,
      'andon.slot': rollout.slot,
      'andon.state': decision.state,
      'andon.stage': String(decision.stage + 1),
      'andon.reason': decision.reason,
    },
  });
}

/**
 * @param day of the server's clock, since 1970: the step; the timestamp is its end
 * @param outcomes labelled decisions of that day
 * @returns undefined for a model without a run
 */
export function dayReport(
  origin: Origin,
  metric: Metric,
  day: number,
  predictions: number,
  outcomes: readonly OutcomeCount[],
): RunReport | undefined {
  return reportOf(origin, {
    timestamp: (day + 1) * MS_A_DAY - 1,
    step: day,
    values: {
      'andon.daily.predictions': predictions,
      'andon.daily.labelled': labelCount(outcomes),
      [`andon.daily.${metric.name}`]: metricValue(metric, outcomes),
    },
    tags: {},
  });
}

function reportOf(
  { runId, modelName, modelVersion }: Origin,
  content: {
    timestamp: number;
    step: number;
    values: Readonly<Record<string, number | null | undefined>>;
    tags: Readonly<Record<string, string>>;
  },
): RunReport | undefined {
  if (runId === undefined) return undefined;
  const { timestamp, step, values, tags } = content;
  return {
    runId,
    metrics: Object.entries(values).flatMap(([key, value]) =>
      typeof value === 'number' && Number.isFinite(value) ? [{ key, value, timestamp, step }] : [],
    ),
    tags: Object.entries(tags).map(([key, value]) => ({ key, value: value.slice(0, TAG_CHARS) })),
    modelVersion:
      modelName === undefined || modelVersion === undefined
        ? null
        : { name: modelName, version: String(modelVersion) },
  };
}
