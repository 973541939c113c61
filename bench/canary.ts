/**
 * Error rates and speed of rollouts, by playing 10,000 of each kind on the decision code that ships, seeded; against a
 * paired test with a number of labels fixed in advance.
 */
import { fork } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { PLAN, type Played } from './canary/play.ts';
import { DISCORDANCE, SCENARIOS } from './canary/scenarios.ts';
import type { Block, BlockPlayed } from './canary/worker.ts';
import { type BenchResult, median } from './result.ts';

const ROLLOUTS = 10_000;
const BLOCK = 250;
const HARM = 0.05;

export async function run(say: (line: string) => void): Promise<BenchResult> {
  const played = await playAll();
  say(row('scenario', ['everywhere', 'stopped', 'left stage 1', 'open', 'labels', 'days']));
  for (const { name, title } of SCENARIOS) say(row(title, summaryOf(played.get(name) ?? [])));
  const of = (name: string) => played.get(name) ?? [];
  const share = (name: string, end: Played['end']) => shareOf(of(name), (one) => one.end === end);
  const power = Math.min(share('harm5', 'rolled-back'), 1 - 1 / ROLLOUTS);
  const fixed = fixedHorizonLabels(power);
  const labels = median(of('harm5').map((one) => one.labels));
  return {
    name: 'canary',
    baseline: `a one-sided McNemar test at the same alpha and power (${power.toFixed(4)}), read once at the end`,
    ratios: { labelsVsFixedHorizon: labels / fixed },
    figures: {
      rolloutsAScenario: ROLLOUTS,
      falsePromoteHarm2: Math.max(...['harm2', 'harm2Delayed', 'harm2Drift'].map((n) => share(n, 'done'))),
      falseRollbackNull: Math.max(
        ...['null', 'null20ADay', 'nullDelayed', 'nullDrift'].map((n) => share(n, 'rolled-back')),
      ),
      leftFirstStageHarm2: Math.max(
        ...['harm2', 'harm2Delayed', 'harm2Drift'].map((n) => shareOf(of(n), (one) => one.leftFirstStage)),
      ),
      falsePromoteHarm5: share('harm5', 'done'),
      promotedWithoutLabels: share('noLabels', 'done'),
      promotedNull: share('null', 'done'),
      promotedGain2: share('gain2', 'done'),
      stoppedLateHarm: share('lateHarm', 'rolled-back'),
      labelsToDecisionHarm5: labels,
      labelsFixedHorizonHarm5: fixed,
      labelsToPromotionGain2: median(of('gain2').map((one) => one.labels)),
      labelsToPromotionNull: median(of('null').map((one) => one.labels)),
      daysToDecisionHarm5At20ADay: median(of('harm5At20ADay').map((one) => one.days)),
    },
  };
}

/**
 * Pairs that a one-sided McNemar test needs for `HARM` at the plan's alpha, read once at the end.
 * n = (z(1-alpha)·sqrt(d) + z(power)·sqrt(d - delta²))² / delta², d: share of pairs on which one model errs alone;
 * Connor, "Sample size for testing differences in proportions for the paired-sample design", Biometrics 43 (1987).
 */
function fixedHorizonLabels(power: number): number {
  const spread = Math.sqrt(DISCORDANCE - HARM ** 2);
  const root = normalQuantile(1 - PLAN.alpha) * Math.sqrt(DISCORDANCE) + normalQuantile(power) * spread;
  return Math.ceil(root ** 2 / HARM ** 2);
}

/** By halving; P(Z < z) by Abramowitz & Stegun 26.2.17, off by at most 7.5e-8. */
function normalQuantile(p: number): number {
  let [low, high] = [-8, 8];
  for (let i = 0; i < 60; i++) {
    const middle = (low + high) / 2;
    if (normalCdf(middle) < p) low = middle;
    else high = middle;
  }
  return low;
}

function normalCdf(z: number): number {
  if (z < 0) return 1 - normalCdf(-z);
  const t = 1 / (1 + 0.2316419 * z);
  const poly =
    t * (0.31938153 + t * (-0.356563782 + t * (1.781477937 + t * (-1.821255978 + t * 1.330274429))));
  return 1 - (Math.exp(-(z ** 2) / 2) / Math.sqrt(2 * Math.PI)) * poly;
}

async function playAll(): Promise<Map<string, Played[]>> {
  const blocks: Block[] = SCENARIOS.flatMap((_, scenario) =>
    Array.from({ length: ROLLOUTS / BLOCK }, (_, block) => ({ scenario, block, rollouts: BLOCK })),
  );
  const played = new Map<string, Played[]>(SCENARIOS.map(({ name }) => [name, []]));
  const take = ({ scenario, played: more }: BlockPlayed) =>
    played.get(SCENARIOS[scenario]?.name ?? '')?.push(...more);
  await Promise.all(Array.from({ length: availableParallelism() }, () => work(blocks, take)));
  return played;
}

/** One process, which takes block after block until there are none. */
function work(blocks: Block[], take: (played: BlockPlayed) => void): Promise<void> {
  const child = fork(fileURLToPath(new URL('./canary/worker.ts', import.meta.url)));
  return new Promise((resolve, reject) => {
    const next = () => {
      const block = blocks.shift();
      if (block) child.send(block);
      else child.disconnect();
    };
    child.on('message', (played: BlockPlayed) => {
      take(played);
      next();
    });
    child.once('error', reject);
    child.once('exit', (code) => (code === 0 ? resolve() : reject(new Error(`a player ended with ${code}`))));
    next();
  });
}

function shareOf(played: readonly Played[], of: (one: Played) => boolean): number {
  return played.filter(of).length / Math.max(1, played.length);
}

function summaryOf(played: readonly Played[]): string[] {
  const percent = (of: (one: Played) => boolean) => `${(100 * shareOf(played, of)).toFixed(2)} %`;
  const half = (values: number[]) => {
    const middle = median(values);
    return Number.isFinite(middle) ? middle.toFixed(0) : '-';
  };
  return [
    percent(({ end }) => end === 'done'),
    percent(({ end }) => end === 'rolled-back'),
    percent(({ leftFirstStage }) => leftFirstStage),
    percent(({ end }) => end === 'open'),
    half(played.map(({ labels }) => labels)),
    half(played.map(({ days, end }) => (end === 'open' ? Number.POSITIVE_INFINITY : days))),
  ];
}

function row(title: string, cells: readonly string[]): string {
  return `  ${title.padEnd(44)}${cells.map((cell) => cell.padStart(14)).join('')}`;
}
