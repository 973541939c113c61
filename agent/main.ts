/** The composition root of the agent: read top to bottom, it is the list of the parts and how they join. */
import type { ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import type { Logger } from 'pino';
import { Counters } from '../daemon/counters.ts';
import { findProject } from '../daemon/project.ts';
import { Stops } from '../daemon/stops.ts';
import { codeOf } from '../protocol/errors.ts';
import { systemClock } from './clock.ts';
import { ClockJumps } from './clock-jumps.ts';
import type { DeviceConfig } from './config/schema.ts';
import { DeviceHealth } from './device-health.ts';
import { DevicePage } from './device-page.ts';
import { FeedbackRules } from './feedback/feedback-rules.ts';
import { withLabelWaits } from './feedback/label-wait.ts';
import { loopWarnings } from './feedback/loop-warning.ts';
import { EngineProcess } from './inference/engine-client.ts';
import { ModelManager } from './models/model-manager.ts';
import { clockJumpEvent } from './monitor/clock-jump-event.ts';
import { DeviceMetrics } from './monitor/device-metrics.ts';
import { InferenceFigures } from './monitor/inference-figures.ts';
import { machineGauges } from './monitor/machine-facts.ts';
import { ProcessMonitor } from './monitor/process-figures.ts';
import { ProfileReporter } from './monitor/profile-reporter.ts';
import { ProgressWatch } from './monitor/progress-watch.ts';
import { SlotMonitor } from './monitor/slot-monitor.ts';
import { SourceVersions } from './monitor/source-versions.ts';
import { Notice } from './notice.ts';
import { LineOutput } from './pipeline/line-output.ts';
import { Pipeline } from './pipeline/pipeline.ts';
import { startSource } from './pipeline/start-source.ts';
import { createSource } from './sources/create-source.ts';
import { openStore } from './store/open-store.ts';
import type { NewEvent } from './store/records.ts';
import type { ReopenReason } from './store/store.ts';
import { Sync } from './sync/sync.ts';
import { DeviceTrust } from './trust/device-trust.ts';

/** The page waits no longer for a line that stands still. */
const LINE_FIRST_MS = 250;

export interface RunningAgent {
  /** Of the status page. */
  readonly url: string;
  /** Resolves when the database must be opened again: whoever stops this agent and starts another has it mended. */
  readonly reopen: Promise<ReopenReason>;
  /** Answers and commits what was taken, then ends every part. */
  stop(): Promise<void>;
}

/**
 * @param spawned the engine's first process
 * @throws CodedError TRUST_UNREADABLE, STORE_LOCKED, STORE_FULL, STORE_UNWRITABLE, ENGINE_CRASHED, ENGINE_PROVIDER_MISSING, PORT_TAKEN
 */
export async function startAgent(
  config: DeviceConfig,
  log: Logger,
  spawned: ChildProcess,
): Promise<RunningAgent> {
  const clock = systemClock;
  const counters = new Counters();
  const project = findProject();
  const startedAtMs = clock.wallMs();
  const changed = new Notice();
  let askToReopen: (why: ReopenReason) => void = () => undefined;
  const reopen = new Promise<ReopenReason>((resolve) => {
    askToReopen = resolve;
  });
  const stops = new Stops();
  const stop = () =>
    stops.run((error) => {
      counters.add(codeOf(error));
      log.error({ event: 'stop-failed', code: codeOf(error), err: error }, 'a part did not stop cleanly');
    });
  try {
    const engine = new EngineProcess({
      ...config.engine,
      graphFolder: config.engine.graphCache === 'on' ? join(config.dataDir, 'graphs') : undefined,
      spawned,
      log,
      clock,
      counters,
      onDeath: (death) => models.engineDied(death),
    });
    // Its process starts while this one opens the store; nobody may wait for it when that fails.
    const engineStarted = engine.start();
    engineStarted.catch(() => undefined);
    stops.add(() => engine.stop());
    const store = openStore({
      ...{ folder: config.dataDir, ...config.store, clock, log, counters },
      onReopen: (why) => askToReopen(why),
    });
    // The store ends last: what the end of the others says is still recorded.
    stops.addLast(() => store.close());
    const trust = new DeviceTrust({
      folder: config.trust.metadata,
      states: store.states,
      clock,
      log,
      counters,
    });
    trust.start();
    stops.add(() => trust.stop());
    /** A record that could not be kept is counted by the store. */
    const tell = (event: NewEvent) => void store.recorder.events([event]).then(recorded, () => undefined);
    const recorded = () => {
      sync.notifyRecorded();
      changed.give();
    };

    const jumps = new ClockJumps(clock, (jump) => {
      counters.add('clock.jumps');
      if (jump.afterMs < jump.beforeMs) store.predictions.timesBeginAnew();
      tell(clockJumpEvent(jump));
    });

    await engineStarted;

    const sync = new Sync({
      config,
      agentVersion: project.version,
      store,
      trust,
      statusUrl: () => url,
      reported: () => withLabelWaits(models.reported(), config.slots),
      alarms: () => health.alarms.raised(),
      clock,
      log,
      counters,
    });
    const models = new ModelManager({
      config,
      store: {
        states: store.states,
        recorder: { events: (events) => store.recorder.events(events).then(recorded) },
      },
      engine,
      fetchPackage: (...wanted) => sync.fetchPackage(...wanted),
      dropChunks: (ref) => sync.dropChunks(ref),
      trust,
      clock,
      log,
      counters,
      onChange: () => {
        pipeline.modelsChanged();
        sync.notifyReported();
        changed.give();
      },
    });

    const monitors = new Map(
      Object.entries(config.slots).map(([slot, slotConfig]) => [
        slot,
        new SlotMonitor({
          slot,
          config: slotConfig,
          models,
          predictions: store.predictions,
          tell,
          sourceChange: () => sourceVersions.lastChange(slotConfig.source),
          clock,
        }),
      ]),
    );
    const monitorOf = (slot: string): SlotMonitor => {
      const monitor = monitors.get(slot);
      if (!monitor) throw new RangeError(`no slot "${slot}"`);
      return monitor;
    };
    const sources = Object.entries(config.sources).map(([id, source]) => createSource(id, source, { clock }));
    const sourceDone = (slot: string) =>
      sources.find(({ id }) => id === config.slots[slot]?.source)?.done() ?? false;
    const progress = new ProgressWatch();
    const health = new DeviceHealth({
      ...{ config, store, engine, models, trust, sync, progress, tell, clock, log, counters },
      slots: () => [...monitors].map(([slot, monitor]) => monitor.facts(sourceDone(slot))),
      queued: (slot) => pipeline.queued(slot),
      onChange: () => {
        sync.notifyReported();
        changed.give();
      },
    });
    const profiles = new ProfileReporter({
      slots: () =>
        [...monitors]
          .filter(([slot]) => config.slots[slot]?.privacy !== 'none')
          .map(([slot, monitor]) => ({ slot, profile: monitor.profile() })),
      tell,
      clock,
    });
    const deviceMetrics = new DeviceMetrics({
      slots: () => [...monitors].map(([slot, monitor]) => ({ slot, figures: monitor.figures() })),
      device: async () => ({
        ...machineGauges(health.machine.facts()),
        storeBytes: store.sizeBytes(),
        droppedRecords: store.droppedUnacked(),
        agentRssBytes: process.memoryUsage.rss(),
        engineRssBytes: engine.status().rssBytes,
        engineRestarts: engine.status().restarts,
      }),
      record: (metrics) => void store.recorder.metrics(metrics).then(recorded, () => undefined),
      onError: (error) => counters.add(codeOf(error)),
      clock,
    });

    const feedback = new FeedbackRules({
      store,
      slots: config.slots,
      labelsOf: (slot) => models.of(slot)?.champion.manifest.output.decision.labels,
      onRecorded: recorded,
      clock,
      jumps,
      log,
      counters,
    });
    const sourceVersions = new SourceVersions({ states: store.states, tell, counters, clock });
    const figures = new InferenceFigures(clock);
    const processMonitor = new ProcessMonitor();
    const pipeline = new Pipeline({
      config,
      models,
      engine: progress.watch(engine),
      recorder: store.recorder,
      monitorOf,
      positionOf: (slot, source) => store.predictions.position(slot, source),
      observe: (...outcome) => models.observe(...outcome),
      figures,
      onTags: (source, tags) => sourceVersions.look(source, tags),
      onLineEvent: (event) => void feedback.onLineEvents([event]).then(recorded, () => undefined),
      clock,
      log,
      counters,
    });
    pipeline.onCommitted(recorded);
    pipeline.onCommitted(() => progress.progressed());
    const lineOutput = new LineOutput({ sources, slots: config.slots, models });
    pipeline.onCommitted((slot, predictions) => lineOutput.give(slot, predictions));
    const firstPrediction = new Promise<void>((resolve) => {
      const stopFirst = pipeline.onCommitted((slot, predictions) => {
        log.info({
          event: 'first-prediction',
          slot,
          afterMs: clock.wallMs() - startedAtMs,
          ...predictions[0],
        });
        stopFirst();
        resolve();
      });
    });

    // The champion first: a sample that comes finds a model, with no network and no page needed.
    sync.onDesired((desired) => models.desired(desired));
    trust.onChange(() => models.trustChanged());
    await models.start();
    stops.add(() => models.stop());
    for (const [slot, slotConfig] of Object.entries(config.slots)) {
      for (const warning of loopWarnings(slotConfig)) log.warn({ event: 'feedback-loop', slot }, warning);
    }
    feedback.start();
    stops.add(() => feedback.stop());
    stops.add(() => pipeline.drain());
    for (const source of sources) {
      stops.add(() => source.stop());
      await startSource(source, { pipeline, tell, clock });
    }
    // The line before the page: loading its server takes time that the first sample would wait.
    if (sources.length > 0) await Promise.race([firstPrediction, setTimeout(LINE_FIRST_MS)]);
    const page = await DevicePage.load({
      ...{ config, project, startedAtMs, store, engine, models, trust, sync, pipeline, feedback, sources },
      ...{ health, figures, processMonitor, monitorOf, changed, tell, recorded, clock, log, counters },
    });
    const url = await page.start();
    stops.add(() => page.stop());
    sync.onLink(() => changed.give());
    await sync.start();
    stops.add(() => sync.stop());
    processMonitor.start();
    stops.add(() => processMonitor.stop());
    if (config.sync) {
      profiles.start();
      stops.add(() => profiles.stop());
    }
    jumps.start();
    stops.add(() => jumps.stop());
    deviceMetrics.start();
    stops.add(() => deviceMetrics.stop());
    // Last, so that the service manager hears first that all this ends.
    health.start();
    stops.add(() => health.stop());
    log.info({ event: 'listening', url, device: config.device.id }, `status page at ${url}`);
    return { url, reopen, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}
