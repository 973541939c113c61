/** Looks now and then whether drift and new labels are a reason to train anew, and proposes it. Never trains, never releases. */
import type { Logger } from 'pino';
import type { Counters } from '../../daemon/counters.ts';
import { codeOf } from '../../protocol/errors.ts';
import type { Manifest } from '../../protocol/manifest.ts';
import type { Clock } from '../clock.ts';
import type { ServerStore } from '../store/server-store.ts';
import type { RetrainProposalView } from '../views/retrain-proposal.ts';
import { judgeDrift, type OpenDrift, openDrifts } from './retrain-proposal.ts';

export interface RetrainWatchDeps {
  readonly store: Pick<ServerStore, 'driftLabels' | 'rollouts' | 'devices' | 'models'>;
  /** Null: nothing is proposed. */
  readonly proposeAfterLabels: number | null;
  readonly clock: Clock;
  readonly counters: Counters;
  readonly log: Logger;
}

const EVERY_MS = 60_000;
/** What drifted longer ago and never ended is a device that is no more. */
const LOOK_BACK_MS = 90 * 86_400_000;
/** As agents name slots. Any other word comes from no agent of ours, and stands in no command that a person copies. */
const SLOT_NAME = /^[a-z0-9][a-z0-9-]{0,62}$/;

export class RetrainWatch {
  readonly #deps: RetrainWatchDeps;
  #proposals: readonly RetrainProposalView[] = [];
  #timer: NodeJS.Timeout | undefined;

  constructor(deps: RetrainWatchDeps) {
    this.#deps = deps;
  }

  start(): void {
    this.#tick();
    this.#timer = setInterval(() => this.#tick(), EVERY_MS);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** As of the last look. */
  views(): readonly RetrainProposalView[] {
    return this.#proposals;
  }

  look(): void {
    const { store, proposeAfterLabels, clock, log } = this.#deps;
    if (proposeAfterLabels === null) return;
    const drifts = openDrifts(store.driftLabels.notesSince(clock.wallMs() - LOOK_BACK_MS));
    const rollouts = drifts.length > 0 ? store.rollouts.all() : [];
    const before = new Set(this.#proposals.map(({ slot }) => slot));
    this.#proposals = drifts.flatMap((drift) => {
      const labels = store.driftLabels.labelsSince(drift.slot, drift.sinceMs);
      const verdict = judgeDrift(drift, labels, rollouts, proposeAfterLabels);
      return verdict === 'wait'
        ? []
        : [proposal(drift, { ...labels, verdict, champion: this.#championOf(drift) })];
    });
    for (const { slot, labelled } of this.#proposals) {
      if (!before.has(slot))
        log.info({ event: 'retrain-proposed', slot, labelled }, `${slot} drifts: time to train anew?`);
    }
  }

  #tick(): void {
    try {
      this.look();
    } catch (error) {
      this.#deps.counters.add(`retrain.${codeOf(error)}`);
      this.#deps.log.error({ event: 'retrain-watch-failed', err: error }, 'the next look tries again');
    }
  }

  #championOf({ slot, devices }: OpenDrift): Manifest | undefined {
    const { store } = this.#deps;
    for (const device of devices) {
      const champion = store.devices.of(device)?.reported?.slots[slot]?.champion;
      const model = champion && store.models.byHash(champion.manifestSha256);
      if (model) return model.manifest;
    }
    return undefined;
  }
}

function proposal(
  { slot, sinceMs, features, devices }: OpenDrift,
  found: Pick<RetrainProposalView, 'labelled' | 'withFeatures' | 'verdict'> & {
    readonly champion: Manifest | undefined;
  },
): RetrainProposalView {
  const { champion, ...counts } = found;
  const since = new Date(sinceMs).toISOString();
  const folder = champion
    ? `models/${champion.name}/${champion.version}${champion.tag ? `-${champion.tag}` : ''}`
    : '<package folder>';
  const commands = [
    `andon dataset export --slot ${slot} --since ${since} --output ${slot}.csv`,
    `python -m training retrain --export ${slot}.csv --champion ${folder} --out retrained`,
  ];
  return {
    slot,
    sinceMs,
    features: [...features],
    devices: [...devices],
    ...counts,
    commands: counts.verdict === 'train' && SLOT_NAME.test(slot) ? commands : [],
  };
}
