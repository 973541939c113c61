/** The composition root of the agent: read top to bottom, it is the list of the parts and how they join. */
import type { ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import type { Logger } from 'pino';
import { codeOf } from '../protocol/errors.ts';
import { findProject } from '../protocol/project.ts';
import { STREAMS } from '../protocol/records.ts';
import { ServiceManager } from '../protocol/service-manager.ts';
import { AlarmOutputs } from './alarm-output/alarm-outputs.ts';
import { systemClock } from './clock.ts';
import { ClockJumps } from './clock-jumps.ts';
import type { DeviceConfig } from './config/schema.ts';
import { Counters } from './counters.ts';
import { FeedbackRules } from './feedback/feedback-rules.ts';
import { withLabelWaits } from './feedback/label-wait.ts';
import { loopWarnings } from './feedback/loop-warning.ts';
import { metricsText } from './http/metrics/metrics-text.ts';
import { OperatorPin } from './http/operator-pin.ts';
import { buildStatusView } from './http/status-view.ts';
import { StoreDownload } from './http/store-download.ts';
import { EngineProcess } from './inference/engine-client.ts';
import { installBundle } from './models/local-install.ts';
import { ModelManager } from './models/model-manager.ts';
import { AlarmBoard } from './monitor/alarm-board.ts';
import { AlarmCauses } from './monitor/alarm-causes.ts';
import { clockJumpEvent } from './monitor/clock-jump-event.ts';
import { DeviceMetrics } from './monitor/device-metrics.ts';
import { InferenceFigures } from './monitor/inference-figures.ts';
import { machineAsker, machineGauges } from './monitor/machine-facts.ts';
import { MachineMonitor } from './monitor/machine-monitor.ts';
import { ProcessMonitor } from './monitor/process-figures.ts';
import { ProfileReporter } from './monitor/profile-reporter.ts';
import { ProgressWatch } from './monitor/progress-watch.ts';
import { SlotMonitor } from './monitor/slot-monitor.ts';
import { Notice } from './notice.ts';
import { LineOutput } from './pipeline/line-output.ts';
import { Pipeline } from './pipeline/pipeline.ts';
import { startSource } from './pipeline/start-source.ts';
import { ServiceReport, serviceStatus } from './service-report.ts';
import { createSource } from './sources/create-source.ts';
import { SimulatedLine } from './sources/simulated-line.ts';
import { SourceVersions } from './sources/source-versions.ts';
import { openStore } from './store/open-store.ts';
import type { NewEvent } from './store/records.ts';
import { Sync } from './sync/sync.ts';
import { DeviceTrust } from './trust/device-trust.ts';

/** The page waits no longer for a line that stands still. */
const LINE_FIRST_MS = 250;

export interface RunningAgent {
  /** Of the status page. */
  readonly url: string;
  /** Resolves when the database turns out to be damaged: whoever stops this agent and starts another has it mended. */
  readonly damaged: Promise<void>;
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
  const damage = new Notice();
  const damaged = new Promise<void>((resolve) => damage.listen(resolve));
  /** How to stop what was started, in the order of starting. */
  const stops: (() => unknown)[] = [];
  const stop = async () => {
    for (const each of stops.splice(0).reverse()) {
      try {
        await each();
      } catch (error) {
        // The other parts, the store above all, must still end well.
        counters.add(codeOf(error));
        log.error({ event: 'stop-failed', code: codeOf(error), err: error }, 'a part did not stop cleanly');
      }
    }
  };
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
    stops.push(() => engine.stop());
    const store = openStore({
      ...{ folder: config.dataDir, ...config.store, clock, log, counters },
      onDamage: () => damage.give(),
    });
    // The store ends last: what the end of the others says is still recorded.
    stops.unshift(() => store.close());
    const trust = new DeviceTrust({
      folder: config.trust.metadata,
      states: store.states,
      clock,
      log,
      counters,
    });
    trust.start();
    stops.push(() => trust.stop());
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
      alarms: () => alarms.raised(),
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
    const machine = new MachineMonitor({
      ask: machineAsker(config.dataDir),
      onError: (error) => counters.add(codeOf(error)),
      clock,
    });
    const causes = new AlarmCauses({
      slots: () => [...monitors].map(([slot, monitor]) => monitor.facts(sourceDone(slot))),
      link: () => {
        if (config.sync === null) return null;
        const { connected, backlog, onTheWay, heldBack } = sync.status();
        // What waits for company or for tomorrow's byte budget is no sign of trouble.
        const waiting =
          !onTheWay || heldBack !== null ? 0 : STREAMS.reduce((sum, stream) => sum + backlog[stream], 0);
        const acked = STREAMS.reduce((sum, stream) => sum + store.streams.acked(stream), 0);
        return { connected, acked, waiting };
      },
      serving: () => {
        const reported = models.reported();
        const bare = Object.keys(config.slots).filter((slot) => !models.of(slot));
        return {
          engineAlive: engine.status().alive,
          bareSlots: bare.map((slot) => ({ slot, reason: reported[slot]?.install?.reason ?? null })),
          failing: store.failing(),
        };
      },
      machine: () => machine.causes(),
      serverMs: () => sync.serverMs(),
      floorMs: () => trust.floorMs,
      certificateEndsAtMs: () => sync.certificateEndsAtMs(),
      outputs: () => alarmOutputs.causes(),
      clock,
    });
    const alarms = new AlarmBoard({
      causes: () => causes.now(),
      states: store.states,
      tell,
      recording: () => store.failing() === null,
      onError: (error) => counters.add(codeOf(error)),
      clock,
    });
    const alarmOutputs = new AlarmOutputs({
      config: config.alarms,
      device: config.device.id,
      raised: () => alarms.raisedBy(),
      states: store.states,
      clock,
      log,
      counters,
    });
    alarms.onChange((change) => {
      alarmOutputs.take(change);
      sync.notifyReported();
      changed.give();
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
        ...machineGauges(machine.facts()),
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
    const progress = new ProgressWatch();
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

    const view = () =>
      buildStatusView({
        config,
        agentVersion: project.version,
        startedAtMs,
        clock,
        counters,
        store,
        engine,
        models,
        reported: () => models.reported(),
        link: () => sync.status(),
        figures: (slot) => monitorOf(slot).figures(),
        cacheOf: (slot) => pipeline.cacheOf(slot),
        machine: () => machine.facts(),
        alarms: () => alarms.raised(),
      });
    // The champion first: a sample that comes finds a model, with no network and no page needed.
    sync.onDesired((desired) => models.desired(desired));
    trust.onChange(() => models.trustChanged());
    await models.start();
    stops.push(() => models.stop());
    for (const [slot, slotConfig] of Object.entries(config.slots)) {
      for (const warning of loopWarnings(slotConfig)) log.warn({ event: 'feedback-loop', slot }, warning);
    }
    feedback.start();
    stops.push(() => feedback.stop());
    stops.push(() => pipeline.drain());
    for (const source of sources) {
      stops.push(() => source.stop());
      await startSource(source, { pipeline, tell, clock });
    }
    // The line before the page: loading its server takes time that the first sample would wait.
    if (sources.length > 0) await Promise.race([firstPrediction, setTimeout(LINE_FIRST_MS)]);
    const { StatusServer } = await import('./http/status-server.ts');
    const lines = sources.filter((source) => source instanceof SimulatedLine);
    const http = new StatusServer({
      ...config.http,
      view,
      changed: (listener) => changed.listen(listener),
      answer: async (request) => {
        await feedback.answer(request);
        recorded();
      },
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
      download: new StoreDownload({ backUp: (file) => store.backUp(file), folder: config.dataDir }),
      pin: new OperatorPin(config.http.pinFile, clock),
      ...(lines.length > 0
        ? { inject: (injection) => lines.forEach((line) => void line.inject(injection)) }
        : {}),
      ...(process.env.ANDON_DEMO === '1' ? { cutLink: (cut) => sync.cut(cut) } : {}),
      inference: {
        slots: new Map(
          Object.entries(config.slots).map(([slot, { batch }]) => [slot, { maxRows: batch.maxRows }]),
        ),
        models,
        ask: (slot, ask) => pipeline.ask(slot, ask),
        signature: (model) => engine.signature(model),
        figures,
        engineAlive: () => engine.status().alive,
        agentVersion: project.version,
        clock,
        log,
        counters,
      },
      metricsText: () =>
        metricsText({
          view: view(),
          counters: counters.snapshot(),
          models: figures.all(),
          pending: Object.fromEntries(Object.keys(config.slots).map((slot) => [slot, pipeline.queued(slot)])),
          process: processMonitor.figures(),
          startedAtMs,
          connections: http.connections,
        }),
      pageFolder: join(project.folder, 'dist', 'pages', 'status'),
      log,
      counters,
    });

    const url = await http.start();
    stops.push(() => http.stop());
    sync.onLink(() => changed.give());
    await sync.start();
    stops.push(() => sync.stop());
    machine.start();
    stops.push(() => machine.stop());
    processMonitor.start();
    stops.push(() => processMonitor.stop());
    alarmOutputs.start();
    stops.push(() => alarmOutputs.stop());
    alarms.start();
    stops.push(() => alarms.stop());
    if (config.sync) {
      profiles.start();
      stops.push(() => profiles.stop());
    }
    jumps.start();
    stops.push(() => jumps.stop());
    deviceMetrics.start();
    stops.push(() => deviceMetrics.stop());
    const slots = Object.keys(config.slots);
    const service = new ServiceReport({
      manager: new ServiceManager({
        env: process.env,
        onError: (error) => {
          counters.add('SERVICE_MANAGER_UNTOLD');
          log.warn({ event: 'service-manager-untold', err: error }, error.message);
        },
      }),
      serving: () => slots.length === 0 || slots.some((slot) => models.of(slot)),
      progress: () => progress.made(slots.some((slot) => models.of(slot) && pipeline.queued(slot) > 0)),
      status: () => serviceStatus(slots, models, alarms.raised()),
      clock,
    });
    service.start();
    stops.push(() => service.stop());
    log.info({ event: 'listening', url, device: config.device.id }, `status page at ${url}`);
    return { url, damaged, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}
