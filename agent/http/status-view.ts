/** Gathers the status view from the parts of the agent. Reads only; cheap enough for twice a second. */

import type { Counters } from '../../daemon/counters.ts';
import type { Alarm } from '../../protocol/alarms.ts';
import { INPUT_PROFILE_KIND } from '../../protocol/drift/input-profile.ts';
import type { MetricReport } from '../../protocol/evidence/metric-report.ts';
import type { Manifest } from '../../protocol/manifest.ts';
import { modelTitle } from '../../protocol/manifest.ts';
import type { InstallState, ReportedSlot } from '../../protocol/messages.ts';
import { STREAMS, type Stream } from '../../protocol/records.ts';
import type { Clock } from '../clock.ts';
import type { DeviceConfig, SlotConfig } from '../config/schema.ts';
import { loopWarnings } from '../feedback/loop-warning.ts';
import { LOOKED_AT } from '../feedback/rule-matching.ts';
import { explorationWords, toldRules } from '../feedback/rule-words.ts';
import type { Engine } from '../inference/engine.ts';
import type { ActiveModels } from '../models/active-models.ts';
import type { ModelManager } from '../models/model-manager.ts';
import type { Store } from '../store/store.ts';
import { headline } from './headline.ts';
import { recentPredictions, unansweredOf } from './recent-predictions.ts';
import type { SlotView, StatusView } from './view.ts';

/** What the monitors know of a slot. */
interface SlotFigures
  extends Pick<SlotView, 'predictionsPerS' | 'latencyUs' | 'rateHistory' | 'drift' | 'inputs'> {
  readonly quality: { readonly champion: MetricReport | null; readonly challenger: MetricReport | null };
}

export interface StatusParts {
  readonly config: DeviceConfig;
  readonly agentVersion: string;
  readonly startedAtMs: number;
  readonly clock: Clock;
  readonly counters: Counters;
  readonly store: Pick<
    Store,
    'epoch' | 'streams' | 'predictions' | 'sizeBytes' | 'droppedUnacked' | 'thinnedOut'
  >;
  readonly engine: Pick<Engine, 'status'>;
  readonly models: ActiveModels & Pick<ModelManager, 'holdOf' | 'figuresOf'>;
  /** What the device tells the server of each slot. */
  readonly reported: () => Readonly<Record<string, ReportedSlot>>;
  readonly link: () => Pick<StatusView['link'], 'connected' | 'sinceMs' | 'lastAckMs' | 'heldBack'>;
  readonly figures: (slot: string) => SlotFigures;
  readonly machine: () => StatusView['machine'];
  readonly cacheOf: (slot: string) => SlotView['cache'];
  /** The worst first. */
  readonly alarms: () => Alarm[];
}

const STATE_WORDS: Record<InstallState, string> = {
  wanted: 'asked for',
  fetching: 'being fetched',
  verifying: 'being verified',
  staged: 'stored, not yet tested',
  testing: 'being tested on this device',
  challenger: 'on trial beside the champion',
  probation: 'in charge, on probation',
  committed: 'in charge',
  refused: 'refused',
  'rolled-back': 'rolled back',
};

const RECENT_EVENTS = 30;

export function buildStatusView(parts: StatusParts): StatusView {
  const { config, store, clock } = parts;
  const reported = parts.reported();
  const view: Omit<StatusView, 'headline'> = {
    device: {
      id: config.device.id,
      labels: config.device.labels,
      agentVersion: parts.agentVersion,
      startedAtMs: parts.startedAtMs,
      nowMs: clock.wallMs(),
      pinSet: config.http.pinFile !== null,
    },
    alarms: parts.alarms(),
    slots: Object.keys(config.slots).map((slot) => slotView(parts, slot, reported[slot])),
    link: { configured: config.sync !== null, ...parts.link(), backlog: backlogOf(store) },
    store: {
      sizeBytes: store.sizeBytes(),
      maxBytes: config.store.maxBytes,
      storeEpoch: store.epoch,
      dropped: store.droppedUnacked(),
      thinned: store.thinnedOut(),
    },
    engine: parts.engine.status(),
    machine: parts.machine(),
    counters: errorCounts(parts.counters),
    events: recentEvents(store),
  };
  const unanswered = view.slots.reduce((sum, slot) => sum + unansweredOf(parts, slot), 0);
  return { ...view, headline: headline({ view, unanswered }) };
}

function slotView(parts: StatusParts, slot: string, reported: ReportedSlot | undefined): SlotView {
  const active = parts.models.of(slot);
  const { quality, ...figures } = parts.figures(slot);
  const manifest = active?.champion.manifest;
  const challenger = active?.challenger;
  const install = reported?.install ?? null;
  return {
    slot,
    source: parts.config.slots[slot]?.source ?? '',
    labels: manifest?.output.decision.labels ?? [],
    champion: active ? shown(active.champion) : null,
    challenger: challenger ? { ...shown(challenger.model), share: challenger.share } : null,
    install: install && {
      ...install,
      stateWords: install.waitsFor === undefined ? STATE_WORDS[install.state] : 'tested',
    },
    hold: parts.models.holdOf(slot),
    cost: costOf(parts, slot, active?.champion.manifestSha256),
    cache: parts.cacheOf(slot),
    truth: truthOf(parts.config.slots[slot]),
    ...figures,
    metric: manifest && quality.champion ? { ...quality.champion, challenger: quality.challenger } : null,
    recent: recentPredictions(parts, slot),
  };
}

function truthOf(config: SlotConfig | undefined): SlotView['truth'] {
  if (!config) return { rules: [], exploration: null, warnings: [], asksForLooks: false };
  return {
    rules: toldRules(config.feedback),
    exploration: config.exploration && explorationWords(config.exploration),
    warnings: loopWarnings(config),
    asksForLooks: config.feedback.some((rule) => rule.when === 'event' && rule.event === LOOKED_AT),
  };
}

function costOf(
  { models, config }: Pick<StatusParts, 'models' | 'config'>,
  slot: string,
  champion: string | undefined,
): SlotView['cost'] {
  const figures = champion === undefined ? null : models.figuresOf(slot, champion);
  const { latencyP99Ms, memoryMiB } = config.slots[slot]?.budget ?? {};
  return {
    latencyP99Ms: figures?.latencyP99Ms ?? null,
    memoryBytes: figures?.memoryBytes ?? null,
    allowedLatencyP99Ms: latencyP99Ms ?? null,
    allowedMemoryBytes: memoryMiB === undefined ? null : memoryMiB * 1024 * 1024,
  };
}

function shown(model: { manifest: Manifest; manifestSha256: string }) {
  return { title: modelTitle(model.manifest), manifestSha256: model.manifestSha256 };
}

function backlogOf(store: StatusParts['store']): Record<Stream, number> {
  const entries = STREAMS.map((stream) => [stream, store.streams.waiting(stream)]);
  return Object.fromEntries(entries) as Record<Stream, number>;
}

function recentEvents(store: StatusParts['store']): StatusView['events'] {
  const after = Math.max(0, store.streams.head('events') - RECENT_EVENTS);
  return store.streams
    .read('events', after, RECENT_EVENTS)
    .records.filter(({ kind }) => kind !== INPUT_PROFILE_KIND)
    .map(({ timeMs, kind, severity, slot, message }) => ({ timeMs, kind, severity, slot, message }))
    .reverse();
}

/** Codes are upper-case; what is counted and no error (`source.samples`) is left to /metrics. */
function errorCounts(counters: Counters): Record<string, number> {
  return Object.fromEntries(
    Object.entries(counters.snapshot()).filter(([code, count]) => /^[A-Z]/.test(code) && count > 0),
  );
}
