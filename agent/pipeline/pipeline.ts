/** The way of a sample through the house: from the sources to the lanes of their slots, and from each commit to whoever listens. */
import type { Logger } from 'pino';
import type { Counters } from '../../daemon/counters.ts';
import { codeOf } from '../../protocol/errors.ts';
import type { Tags } from '../../protocol/tags.ts';
import type { Clock } from '../clock.ts';
import type { DeviceConfig, SlotConfig } from '../config/schema.ts';
import { agentError } from '../errors.ts';
import type { Engine } from '../inference/engine.ts';
import type { ActiveModels } from '../models/active-models.ts';
import type { LineEvent, SampleSink } from '../sources/source.ts';
import type { StoredPrediction } from '../store/records.ts';
import type { Recorder } from '../store/store.ts';
import type { Ask, Asked } from './ask.ts';
import { CachedEngine, type CacheFigures } from './cached-engine.ts';
import { EngineShare } from './engine-share.ts';
import { RefusalLog } from './refusal-log.ts';
import { SlotLane, type SlotLaneDeps } from './slot-lane.ts';

export interface PipelineDeps extends Pick<SlotLaneDeps, 'monitorOf' | 'observe' | 'figures'> {
  readonly config: Pick<DeviceConfig, 'slots'>;
  readonly models: ActiveModels;
  readonly engine: Pick<Engine, 'run'>;
  readonly recorder: Pick<Recorder, 'predictions'>;
  /** What a slot has committed of a source that can be read again: samples up to there are not answered twice. */
  readonly positionOf?: (slot: string, source: string) => number;
  readonly onLineEvent: (event: LineEvent) => void;
  /** With each sample of a source. */
  readonly onTags?: (source: string, tags: Tags) => void;
  readonly clock: Clock;
  readonly log: Logger;
  readonly counters: Counters;
}

/** Called after the commit, with the deciding predictions of one slot. */
export type OnCommitted = (slot: string, predictions: readonly StoredPrediction[]) => void;

export class Pipeline {
  readonly #deps: PipelineDeps;
  readonly #refusals: RefusalLog;
  readonly #lanes = new Map<string, SlotLane>();
  readonly #caches = new Map<string, CachedEngine>();
  readonly #listeners = new Set<OnCommitted>();

  constructor(deps: PipelineDeps) {
    this.#deps = deps;
    this.#refusals = new RefusalLog(deps);
    const share = new EngineShare(deps.engine, deps.clock);
    for (const [slot, config] of Object.entries(deps.config.slots)) {
      const lane = new SlotLane({
        ...deps,
        slot,
        config,
        engine: this.#engineOf(slot, config, share),
        after: deps.positionOf?.(slot, config.source) ?? 0,
        onCommitted: (from, predictions) => this.#committed(from, predictions),
        refused: (code, reason, count) => this.#refusals.add(code, `${slot}: ${reason}`, count),
      });
      this.#lanes.set(slot, lane);
    }
  }

  /** @returns takes the listener away again */
  onCommitted(listener: OnCommitted): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Where a source delivers to: all the slots that are bound to it. */
  sinkOf(source: string): SampleSink {
    const { slots } = this.#deps.config;
    const lanes = [...this.#lanes].filter(([slot]) => slots[slot]?.source === source).map(([, lane]) => lane);
    return {
      hasRoom: () => lanes.every((lane) => lane.hasRoom()),
      ready: async () => {
        await Promise.all(lanes.map((lane) => lane.ready()));
      },
      sample: (sample) => {
        this.#deps.counters.add('source.samples');
        if (sample.tags) this.#deps.onTags?.(source, sample.tags);
        for (const lane of lanes) lane.push(sample);
      },
      event: (event) => {
        this.#deps.counters.add('source.line-events');
        this.#deps.onLineEvent(event);
      },
      refused: (code, message) => this.#refusals.add(code, `${source}: ${message}`),
    };
  }

  /**
   * A caller's request: it goes through the slot's lane as the samples of its source do, is decided as one, and recorded
   * unless the slot's config says otherwise.
   * @throws CodedError SLOT_UNKNOWN, REQUEST_INVALID, REQUEST_TOO_LARGE; QUEUE_FULL, REQUEST_TIMEOUT; SAMPLE_INVALID;
   * MODEL_NOT_ACTIVE, ENGINE_* when no model could answer; STORE_* where the answer waits for its commit
   */
  async ask(slot: string, ask: Ask): Promise<Asked> {
    const lane = this.#lanes.get(slot);
    if (!lane) throw agentError('SLOT_UNKNOWN', `there is no slot "${slot}"`);
    return lane.ask(ask);
  }

  /** Where a source that can be read again goes on: after what every slot bound to it has committed. */
  resumeAfter(source: string): number {
    const { config, positionOf } = this.#deps;
    const slots = Object.entries(config.slots).filter(([, slot]) => slot.source === source);
    const positions = slots.map(([slot]) => positionOf?.(slot, source) ?? 0);
    return positions.length === 0 ? 0 : Math.min(...positions);
  }

  /** Call it whenever the active models may have changed: samples may be waiting for one. */
  modelsChanged(): void {
    for (const lane of this.#lanes.values()) lane.wake();
  }

  /** Samples that wait in a slot's lane. */
  queued(slot: string): number {
    return this.#lanes.get(slot)?.queued ?? 0;
  }

  /** Null where the slot has no cache. */
  cacheOf(slot: string): CacheFigures | null {
    return this.#caches.get(slot)?.figures() ?? null;
  }

  /** Stop the sources first: then this answers and commits all that they delivered. */
  async drain(): Promise<void> {
    await Promise.all([...this.#lanes.values()].map((lane) => lane.drain()));
  }

  /** What is found in the slot's cache does not wait for its turn. */
  #engineOf(slot: string, { cache }: SlotConfig, share: EngineShare): Pick<Engine, 'run'> {
    if (cache === null) return share.of(slot);
    const { clock, models, figures } = this.#deps;
    const onLookup = (sha256: string, hits: number, misses: number, us: number) => {
      const { champion, challenger } = models.of(slot) ?? {};
      const model = champion?.manifestSha256 === sha256 ? champion : challenger?.model;
      if (model?.manifestSha256 === sha256) figures?.cache(slot, model, hits, misses, us);
    };
    const cached = new CachedEngine({ engine: share.of(slot), maxBytes: cache.maxBytes, clock, onLookup });
    this.#caches.set(slot, cached);
    return cached;
  }

  /** What is committed is committed: a listener that fails is counted, and harms nobody. */
  #committed(slot: string, predictions: readonly StoredPrediction[]): void {
    for (const listener of this.#listeners) {
      try {
        listener(slot, predictions);
      } catch (error) {
        this.#refusals.add(codeOf(error), `a listener failed: ${String(error)}`);
      }
    }
  }
}
