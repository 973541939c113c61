/** Gathers what a rollout's stage is judged by. */
import { discordance, type StageEvidence } from './decision.ts';
import type { EvidenceSource, Guardrails, PairCount } from './evidence-source.ts';
import type { FleetControl } from './fleet-control.ts';
import { pairedMetric } from './paired-metric.ts';
import type { Rollout } from './rollout.ts';

interface EvidenceDeps {
  readonly evidence: EvidenceSource;
  readonly fleet: FleetControl;
  readonly config: { readonly alpha: number; readonly minPairs: number };
}

/** @param failures members that said no, by their reported state */
export function stageEvidence(
  { evidence, fleet, config }: EvidenceDeps,
  rollout: Rollout,
  failures: Guardrails['failures'],
): StageEvidence {
  const all = pairsSince(evidence, rollout, rollout.startedAtMs);
  const told = evidence.guardrails({
    slot: rollout.slot,
    challenger: rollout.to.manifestSha256,
    sinceMs: rollout.startedAtMs,
  });
  const known = new Set(failures.map(({ device }) => device));
  const others = told.failures.filter(({ device }) => rollout.members[device] && !known.has(device));
  return {
    all,
    fresh: rollout.stage === 0 ? all : pairsSince(evidence, rollout, rollout.stageStartedAtMs),
    guardrails: { predictions: told.predictions, failures: [...failures, ...others] },
    metric: fleet.manifestOf(rollout.to.manifestSha256).metric,
    alpha: config.alpha,
    minPairs: config.minPairs,
  };
}

/** The numbers that people see. */
export function shownEvidence({ all, metric }: StageEvidence): Rollout['evidence'] {
  return {
    ...discordance(all, metric),
    championMetric: pairedMetric(metric, all, 'champion'),
    challengerMetric: pairedMetric(metric, all, 'challenger'),
    metricName: metric.name,
  };
}

/** Devices may come from different versions: each is compared with its own. */
function pairsSince(evidence: EvidenceSource, rollout: Rollout, sinceMs: number): PairCount[] {
  const champions = new Set(Object.values(rollout.members).map(({ champion }) => champion.manifestSha256));
  const { slot, to } = rollout;
  return [...champions].flatMap((champion) =>
    evidence.pairs({ slot, champion, challenger: to.manifestSha256, sinceMs }),
  );
}
