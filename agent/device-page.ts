/** Composes what the device answers over HTTP: the status page and its actions, the Open Inference Protocol, metrics. */
import { join } from 'node:path';
import type { Logger } from 'pino';
import type { Counters } from '../daemon/counters.ts';
import type { Project } from '../daemon/project.ts';
import type { Clock } from './clock.ts';
import type { DeviceConfig } from './config/schema.ts';
import type { DeviceHealth } from './device-health.ts';
import type { FeedbackRules } from './feedback/feedback-rules.ts';
import { metricsText } from './http/metrics/metrics-text.ts';
import { OperatorPin } from './http/operator-pin.ts';
import type { StatusServer, StatusServerDeps } from './http/status-server.ts';
import { buildStatusView } from './http/status-view.ts';
import { StoreDownload } from './http/store-download.ts';
import type { StatusView } from './http/view.ts';
import type { Engine } from './inference/engine.ts';
import { installBundle } from './models/local-install.ts';
import type { ModelManager } from './models/model-manager.ts';
import type { InferenceFigures } from './monitor/inference-figures.ts';
import type { ProcessMonitor } from './monitor/process-figures.ts';
import type { SlotMonitor } from './monitor/slot-monitor.ts';
import type { Notice } from './notice.ts';
import type { Pipeline } from './pipeline/pipeline.ts';
import { SimulatedLine } from './sources/simulated-line.ts';
import type { Source } from './sources/source.ts';
import type { NewEvent } from './store/records.ts';
import type { Store } from './store/store.ts';
import type { Sync } from './sync/sync.ts';
import type { DeviceTrust } from './trust/device-trust.ts';

export interface DevicePageParts {
  readonly config: DeviceConfig;
  readonly project: Project;
  readonly startedAtMs: number;
  readonly store: Store;
  readonly engine: Engine;
  readonly models: ModelManager;
  readonly trust: DeviceTrust;
  readonly sync: Sync;
  readonly pipeline: Pipeline;
  readonly feedback: FeedbackRules;
  readonly sources: readonly Source[];
  readonly health: DeviceHealth;
  readonly figures: InferenceFigures;
  readonly processMonitor: ProcessMonitor;
  readonly monitorOf: (slot: string) => SlotMonitor;
  /** Given whenever the page may look different. */
  readonly changed: Notice;
  readonly tell: (event: NewEvent) => void;
  /** Something was recorded that the page and the server should hear of. */
  readonly recorded: () => void;
  readonly clock: Clock;
  readonly log: Logger;
  readonly counters: Counters;
}

export class DevicePage {
  readonly #server: StatusServer;

  private constructor(server: StatusServer) {
    this.#server = server;
  }

  /** Loads the server's code only now: a line that starts does not wait for it. */
  static async load(parts: DevicePageParts): Promise<DevicePage> {
    const { StatusServer } = await import('./http/status-server.ts');
    const pin = new OperatorPin(parts.config.http.pinFile, parts.clock);
    const server: StatusServer = new StatusServer({
      ...pageDeps(parts),
      ...actionDeps(parts, pin),
      pin,
      inference: inferenceDeps(parts),
      metricsText: () => metrics(parts, server.connections),
    });
    return new DevicePage(server);
  }

  /** @returns its address. @throws CodedError PORT_TAKEN */
  start(): Promise<string> {
    return this.#server.start();
  }

  stop(): Promise<void> {
    return this.#server.stop();
  }
}

function view(parts: DevicePageParts): StatusView {
  const { project, models, sync, pipeline, health, monitorOf } = parts;
  return buildStatusView({
    ...parts,
    agentVersion: project.version,
    reported: () => models.reported(),
    link: () => {
      const status = sync.status();
      return { ...status, heldBack: status.heldBack ?? status.paced };
    },
    figures: (slot) => monitorOf(slot).figures(),
    cacheOf: (slot) => pipeline.cacheOf(slot),
    machine: () => health.machine.facts(),
    alarms: () => health.alarms.raised(),
  });
}

function pageDeps(parts: DevicePageParts) {
  const { config, project, changed, log, counters } = parts;
  return {
    ...config.http,
    view: () => view(parts),
    changed: (listener) => changed.listen(listener),
    pageFolder: join(project.folder, 'dist', 'pages', 'status'),
    log,
    counters,
  } satisfies Partial<StatusServerDeps>;
}

/** What people and other systems of the line do through it. */
function actionDeps(parts: DevicePageParts, pin: OperatorPin) {
  const { config, store, models, trust, sync, feedback, sources, recorded, tell, clock } = parts;
  const lines = sources.filter((source) => source instanceof SimulatedLine);
  return {
    answer: (request) => feedback.answer(request).then(recorded),
    lookedAt: (request) => feedback.lookedAt(request).then(recorded),
    lineEvents: (events) => feedback.onLineEvents(events).then(recorded),
    install: (bundle, slot) =>
      installBundle(
        {
          slots: Object.keys(config.slots),
          models,
          trust,
          want: (where, desired) => sync.bring(where, desired),
          tell: (event) => tell({ ...event, timeMs: clock.wallMs() }),
        },
        bundle,
        slot,
      ),
    hold: (request) =>
      models.setHold(
        request.slot,
        request.hold ? { reason: request.reason, untilMs: request.untilMs ?? null } : null,
      ),
    plan: (slot, desired) => models.plan(slot, desired),
    download: new StoreDownload({ backUp: (file) => store.backUp(file), folder: config.dataDir, pin }),
    ...(lines.length > 0
      ? { inject: (injection) => lines.forEach((line) => void line.inject(injection)) }
      : {}),
    ...(process.env.ANDON_DEMO === '1' ? { cutLink: (cut) => sync.cut(cut) } : {}),
  } satisfies Partial<StatusServerDeps>;
}

function inferenceDeps(parts: DevicePageParts): NonNullable<StatusServerDeps['inference']> {
  const { config, engine, models, pipeline } = parts;
  return {
    ...parts,
    slots: new Map(
      Object.entries(config.slots).map(([slot, { batch }]) => [slot, { maxRows: batch.maxRows }]),
    ),
    ask: (slot, ask) => pipeline.ask(slot, ask),
    signature: (model) => engine.signature(model),
    engineAlive: () => engine.status().alive,
    agentVersion: parts.project.version,
    models,
  };
}

function metrics(parts: DevicePageParts, connections: StatusServer['connections']): string {
  const { config, counters, figures, pipeline, processMonitor, startedAtMs } = parts;
  return metricsText({
    view: view(parts),
    counters: counters.snapshot(),
    models: figures.all(),
    pending: Object.fromEntries(Object.keys(config.slots).map((slot) => [slot, pipeline.queued(slot)])),
    process: processMonitor.figures(),
    startedAtMs,
    connections,
  });
}
