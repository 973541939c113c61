/** Plays one rollout from its start to its end on the decision code that ships: `judge` and `nextMove`. */
import type { Random } from '../../agent/sources/random.ts';
import type { Metric } from '../../protocol/manifest.ts';
import { type ServerConfig, serverConfigSchema } from '../../sync-server/config/schema.ts';
import type { PairCount } from '../../sync-server/rollouts/evidence-source.ts';
import { judge } from '../../sync-server/rollouts/judge.ts';
import { nextMove } from '../../sync-server/rollouts/next-move.ts';
import type { RolloutPlan } from '../../sync-server/rollouts/rollout.ts';
import { type LabelStock, PAIR_KINDS, PromptStock, SlowStock } from './label-stock.ts';
import type { Models, Scenario } from './scenarios.ts';

export interface Played {
  readonly end: 'done' | 'rolled-back' | 'open';
  readonly leftFirstStage: boolean;
  /** Labelled pairs that counted, and days, until then. */
  readonly labels: number;
  readonly days: number;
}

const DAY_MS = 86_400_000;
const HOUR_MS = DAY_MS / 24;
/** One label in so many comes days late: a device was offline, or a person forgot. */
const LATE_SHARE = 0.05;
const LATE_DAYS = 3;

const METRIC: Metric = { name: 'accuracy', offline: 0.9, baseline: { name: 'most common', value: 0.5 } };
/** As every server has it that nobody told otherwise. */
const defaults: ServerConfig['rollouts'] = serverConfigSchema.parse({}).rollouts;
export const PLAN: RolloutPlan = { ...defaults, windows: [] };
const STAGES = [
  { devices: 0.05, traffic: 0.05 },
  { devices: 0.5, traffic: 0.5 },
  { devices: 1, traffic: 1 },
];
const ALL_WELL = { waiting: [], offline: [], silent: [], failures: [] };
const NO_GATE = { approval: false, window: null };
const GUARDRAILS = { predictions: 0, failures: [], drifting: [] };
const ROLLOUT = { stages: STAGES, toTitle: 'new', members: { 'mill-1': null } };

export function play(scenario: Scenario, random: Random): Played {
  const driftsFromMs = scenario.drift > 1 ? random.uniform() * 0.5 * scenario.days * DAY_MS : Infinity;
  const all = stockOf(scenario);
  let fresh = all;
  let stage = 0;
  let sampledMs = nextGapMs(scenario, random);
  for (let look = 1; look <= scenario.days * scenario.looksPerDay; look++) {
    const nowMs = (look * DAY_MS) / scenario.looksPerDay;
    for (; sampledMs <= nowMs; sampledMs += nextGapMs(scenario, random)) {
      const late = stage > 0 ? scenario.lateHarm : 0;
      const factor = sampledMs >= driftsFromMs ? scenario.drift : 1;
      const { kind, waitMs } = sampleOf(scenario, late, factor, random);
      all.add(sampledMs, sampledMs + waitMs, kind);
      if (fresh !== all) fresh.add(sampledMs, sampledMs + waitMs, kind);
    }
    const pairs = pairsOf(all.counts(nowMs));
    const judgement = judge({
      all: pairs,
      fresh: fresh === all ? pairs : pairsOf(fresh.counts(nowMs)),
      stages: STAGES.length,
      guardrails: GUARDRAILS,
      members: 1,
      metric: METRIC,
      plan: PLAN,
    });
    const verdict = { verdict: judgement.verdict, reason: '' };
    const move = nextMove({ ...ROLLOUT, stage }, verdict, ALL_WELL, NO_GATE);
    // What nobody took back runs everywhere once the last stage has begun.
    const isEverywhere = move.stage === STAGES.length - 1;
    if (move.state === 'rolled-back' || isEverywhere) {
      const labels = pairs.reduce((sum, { count }) => sum + count, 0);
      const end = isEverywhere ? 'done' : 'rolled-back';
      return { end, leftFirstStage: move.stage > 0, labels, days: nowMs / DAY_MS };
    }
    if (move.stage > stage) fresh = stockOf(scenario);
    stage = move.stage;
  }
  const labels = Number.POSITIVE_INFINITY;
  return { end: 'open', leftFirstStage: stage > 0, labels, days: scenario.days };
}

function stockOf({ goodKnownAfterH }: Scenario): LabelStock {
  return goodKnownAfterH === null ? new PromptStock() : new SlowStock(goodKnownAfterH * HOUR_MS);
}

/** Samples come at random. */
function nextGapMs({ labelsPerDay }: Scenario, random: Random): number {
  return (-Math.log(1 - random.uniform()) / labelsPerDay) * DAY_MS;
}

function sampleOf(
  scenario: Scenario,
  late: number,
  factor: number,
  random: Random,
): { kind: number; waitMs: number } {
  const truth = random.uniform() < scenario.failureShare ? 1 : 0;
  const { onlyNew, onlyOld }: Models = truth === 1 ? scenario.failures : scenario.good;
  const u = random.uniform();
  const [newErrs, oldErrs] = [(onlyNew + late) * factor, onlyOld * factor];
  const newIsWrong = u < newErrs;
  const oldIsWrong = !newIsWrong && u < newErrs + oldErrs;
  const kind = truth * 4 + (oldIsWrong ? 1 - truth : truth) * 2 + (newIsWrong ? 1 - truth : truth);
  return { kind, waitMs: waitMs(scenario, truth, random) };
}

function waitMs({ goodKnownAfterH }: Scenario, truth: number, random: Random): number {
  if (goodKnownAfterH === null) return 0;
  if (random.uniform() < LATE_SHARE) return LATE_DAYS * DAY_MS;
  return truth === 1 ? 0 : goodKnownAfterH * HOUR_MS;
}

function pairsOf(counts: Int32Array): PairCount[] {
  const pairs: PairCount[] = [];
  for (let kind = 0; kind < PAIR_KINDS; kind++) {
    const count = counts[kind] ?? 0;
    if (count === 0) continue;
    pairs.push({ truth: kind >> 2, champion: (kind >> 1) & 1, challenger: kind & 1, weight: 1, count });
  }
  return pairs;
}
