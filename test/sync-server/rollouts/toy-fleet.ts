/** A fleet in memory that does as it is told: the conductor's ports without broker or database, and every field to bend. */
import { readFileSync } from 'node:fs';
import pino from 'pino';
import { Counters } from '../../../daemon/counters.ts';
import { type Manifest, modelTitle } from '../../../protocol/manifest.ts';
import type { DesiredSlot, ModelRef, ReportedSlot } from '../../../protocol/messages.ts';
import { parseManifest } from '../../../protocol/package-verify.ts';
import { serverError } from '../../../sync-server/errors.ts';
import { type ConductorDeps, RolloutConductor } from '../../../sync-server/rollouts/conductor.ts';
import type {
  EvidenceSource,
  Guardrails,
  PairCount,
  SeenPairCount,
} from '../../../sync-server/rollouts/evidence-source.ts';
import type { FleetControl, FleetDevice } from '../../../sync-server/rollouts/fleet-control.ts';
import { type Rollout, type RolloutDecision, rolloutSchema } from '../../../sync-server/rollouts/rollout.ts';
import type { RolloutTable } from '../../../sync-server/rollouts/rollout-table.ts';

export const SLOT = 'machine-failure';

export function hashOf(version: number): string {
  return version.toString(16).repeat(64).slice(0, 64);
}

interface ToyDevice {
  id: string;
  labels: Record<string, string>;
  online: boolean;
  champion: number;
  desired: DesiredSlot | undefined;
  generation: number;
  reported: ReportedSlot;
  reportedGeneration: number;
}

export class ToyFleet implements FleetControl, EvidenceSource, RolloutTable {
  readonly slot: string;
  readonly toys: ToyDevice[] = [];
  readonly published = new Set([1, 2, 3]);
  /** Evidence for whoever asks, from this time on. */
  found: { atMs: number; pairs: PairCount[] }[] = [];
  failures: { device: string; reason: string }[] = [];
  drifting: { device: string; feature: string }[] = [];
  manifests = new Map<string, Manifest>();
  nowMs = 1000;
  crashOnSet = false;
  readonly counters = new Counters();
  #rows = new Map<string, string>();
  #decisions: { id: string; decision: RolloutDecision }[] = [];

  constructor(ids: readonly string[], slot = SLOT) {
    this.slot = slot;
    for (const id of ids) this.add(id);
  }

  add(id: string, labels: Record<string, string> = {}, champion = 1): ToyDevice {
    const toy: ToyDevice = {
      id,
      labels,
      online: true,
      champion,
      desired: undefined,
      generation: 0,
      reported: { champion: running(champion), challenger: null, install: null },
      reportedGeneration: 0,
    };
    this.toys.push(toy);
    return toy;
  }

  toy(id: string): ToyDevice {
    const toy = this.toys.find((candidate) => candidate.id === id);
    if (!toy) throw new Error(`no toy ${id}`);
    return toy;
  }

  /** Deps may be bent for one conductor. */
  conductor(over: Partial<ConductorDeps> = {}): RolloutConductor {
    return new RolloutConductor({
      evidence: this,
      fleet: this,
      rollouts: this,
      clock: { wallMs: () => this.nowMs, monotonicMs: () => this.nowMs },
      counters: this.counters,
      log: pino({ level: 'silent' }),
      config: { everyMs: 50, alpha: 0.05, margin: 0.02, minPairs: 100, maxFailedShare: 0.02 },
      ...over,
    });
  }

  /** Every online device does and reports what it was told. */
  obey(): void {
    for (const toy of this.toys) {
      if (!toy.online || !toy.desired || toy.reportedGeneration === toy.generation) continue;
      const { champion, challenger } = toy.desired;
      toy.champion = champion.version;
      toy.reportedGeneration = toy.generation;
      toy.reported = {
        champion: running(champion.version),
        challenger: challenger && { ...running(challenger.model.version), share: challenger.share },
        install: {
          manifestSha256: (challenger?.model ?? champion).manifestSha256,
          state: challenger ? 'challenger' : 'committed',
          reason: null,
          chunksHave: 1,
          chunksWant: 1,
        },
      };
    }
  }

  label(...pairs: PairCount[]): void {
    this.found.push({ atMs: this.nowMs, pairs });
  }

  devices(): FleetDevice[] {
    return this.toys.map(({ id, labels, online, reported, reportedGeneration }) => ({
      id,
      labels,
      online,
      lastSeenMs: this.nowMs,
      reported: {
        v: 1,
        device: id,
        timeMs: this.nowMs,
        generation: reportedGeneration,
        slots: { [this.slot]: reported },
        backlog: { predictions: 0, feedback: 0, metrics: 0, events: 0 },
      },
    }));
  }

  desiredSlot(device: string): DesiredSlot | undefined {
    return this.toys.find(({ id }) => id === device)?.desired;
  }

  setSlot(device: string, _slot: string, desired: DesiredSlot): number {
    if (this.crashOnSet) throw new Error('the server died here');
    const toy = this.toy(device);
    if (JSON.stringify(toy.desired) !== JSON.stringify(desired)) {
      toy.desired = desired;
      toy.generation += 1;
    }
    return toy.generation;
  }

  modelRef(name: string, reference: string): ModelRef {
    const version = Number(reference);
    if (!this.published.has(version))
      throw serverError('MODEL_UNKNOWN', `${name}@${version} was never published`);
    return refOf(version);
  }

  modelRefByHash(hash: string): ModelRef | undefined {
    const version = [...this.published].find((candidate) => hashOf(candidate) === hash);
    return version === undefined ? undefined : refOf(version);
  }

  manifestOf(hash: string): Manifest {
    return this.manifests.get(hash) ?? shippedManifest;
  }

  pairs({ sinceMs }: { sinceMs: number }): SeenPairCount[] {
    return this.found
      .filter(({ atMs }) => atMs > sinceMs)
      .flatMap(({ pairs }) =>
        pairs.map((pair) => ({ ...pair, propensity: 1, explored: false, keptShare: 1 })),
      );
  }

  guardrails(): Guardrails {
    return { predictions: 100, failures: this.failures, drifting: this.drifting };
  }

  save(rollout: Rollout): void {
    this.#rows.set(rollout.id, JSON.stringify(rollout));
  }

  all(): Rollout[] {
    return [...this.#rows.values()].map((row) => rolloutSchema.parse(JSON.parse(row)));
  }

  appendDecision(id: string, decision: RolloutDecision): void {
    this.#decisions.unshift({ id, decision });
  }

  decisions(id: string, limit: number): RolloutDecision[] {
    return this.#decisions
      .filter((row) => row.id === id)
      .slice(0, limit)
      .map(({ decision }) => decision);
  }
}

const shippedManifest = parseManifest(
  readFileSync(new URL('../../../models/milling-failure/1/manifest.json', import.meta.url)),
);

function refOf(version: number): ModelRef {
  return {
    name: 'toy',
    version,
    manifestSha256: hashOf(version),
    indexSha256: hashOf(version),
    sizeBytes: 9,
  };
}

function running(version: number): { manifestSha256: string; title: string } {
  return { manifestSha256: hashOf(version), title: modelTitle({ name: 'toy', version }) };
}
