/** Gathers what a rollout's stage is judged by, and what of it people see. */
import { metricValue } from '../../protocol/evidence/metric-estimate.ts';
import type { OutcomeCount } from '../../protocol/evidence/outcome-count.ts';
import { evenedOut } from './evened-out.ts';
import type { EvidenceSource, Guardrails, PairCount } from './evidence-source.ts';
import type { FleetControl } from './fleet-control.ts';
import { judge, type StageEvidence } from './judge.ts';
import { labelsNeeded } from './labels-needed.ts';
import { countOf, differencesOf, pairedDifference } from './paired-difference.ts';
import type { Rollout } from './rollout.ts';

const DAY_MS = 86_400_000;
/** The pace of labels is not told from less time than this. */
const PACE_FROM_MS = 10_000;

interface EvidenceDeps {
  readonly evidence: EvidenceSource;
  readonly fleet: Pick<FleetControl, 'manifestOf'>;
}

/** @param failures members that said no, by their reported state */
export function stageEvidence(
  { evidence, fleet }: EvidenceDeps,
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
    stages: rollout.stages.length,
    guardrails: {
      predictions: told.predictions,
      failures: [...failures, ...others],
      drifting: told.drifting.filter(({ device }) => rollout.members[device]),
    },
    members: Object.keys(rollout.members).length,
    metric: fleet.manifestOf(rollout.to.manifestSha256).metric,
    plan: rollout.plan,
  };
}

/** The numbers that people see. */
export function shownEvidence(
  evidence: StageEvidence,
  { stageStartedAtMs }: Pick<Rollout, 'stageStartedAtMs'>,
  nowMs: number,
): Rollout['evidence'] {
  const { all, fresh, metric, plan } = evidence;
  const difference = pairedDifference(all, metric, plan.alpha);
  const forMs = nowMs - stageStartedAtMs;
  const came = countOf(fresh);
  return {
    ...discordance(evidence),
    championMetric: metricValue(metric, outcomesOf(all, 'champion')),
    challengerMetric: metricValue(metric, outcomesOf(all, 'challenger')),
    metricName: metric.name,
    difference: difference ?? null,
    needed: countOf(all) === 0 ? null : labelsNeeded(evidence, judge(evidence)),
    // Two digits: a pace that changes with every tick of the clock would send every page everything again.
    perDay: came > 0 && forMs >= PACE_FROM_MS ? Number(((came / forMs) * DAY_MS).toPrecision(2)) : null,
  };
}

/** Weighted cost, over pairs, of errors that only one of the two models made: what the page shows as better / worse. */
function discordance({ all, metric }: Pick<StageEvidence, 'all' | 'metric'>) {
  const differences = differencesOf(all, metric);
  const sum = (sign: number) =>
    differences.reduce((total, { value, count }) => total + Math.max(0, sign * value) * count, 0);
  return { pairs: countOf(all), challengerBetter: sum(1), championBetter: sum(-1) };
}

/** What one of the two models said of the samples that both judged. */
function outcomesOf(pairs: readonly PairCount[], of: 'champion' | 'challenger'): OutcomeCount[] {
  return pairs.map((pair) => ({ ...pair, said: pair[of], propensity: 1, keptShare: 1 }));
}

/** Devices may come from different versions: each is compared with its own. */
function pairsSince(evidence: EvidenceSource, rollout: Rollout, sinceMs: number): PairCount[] {
  const champions = new Set(Object.values(rollout.members).map(({ champion }) => champion.manifestSha256));
  const { slot, to } = rollout;
  return evenedOut(
    [...champions].flatMap((champion) =>
      evidence.pairs({ slot, champion, challenger: to.manifestSha256, sinceMs }),
    ),
  );
}
