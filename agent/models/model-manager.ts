/** The models of the device: one slot manager a slot over one library; the only one who changes what is active. */
import { join } from 'node:path';
import type { Logger } from 'pino';
import type { Counters } from '../../daemon/counters.ts';
import { codeOf } from '../../protocol/errors.ts';
import type { Desired, DesiredSlot, ModelRef, ReportedSlot } from '../../protocol/messages.ts';
import type { Clock } from '../clock.ts';
import type { DeviceConfig } from '../config/schema.ts';
import { agentError } from '../errors.ts';
import type { Engine } from '../inference/engine.ts';
import type { EngineDeath } from '../inference/engine-death.ts';
import type { Recorder, StateTable } from '../store/store.ts';
import type { DeviceTrust } from '../trust/device-trust.ts';
import type { ActiveModels, SlotModels } from './active-models.ts';
import type { Hold } from './gate.ts';
import type { Outcome } from './guard.ts';
import type { PlanStep } from './install-plan.ts';
import type { FetchPackage } from './installation.ts';
import { wordsOf } from './model-events.ts';
import { ModelLibrary } from './model-library.ts';
import { SingleFlight } from './single-flight.ts';
import { SlotManager } from './slot-manager.ts';
import { needed, type SelfTest } from './slot-state.ts';

export interface ModelManagerDeps {
  /** Paths in it are absolute, or count from the working folder. */
  readonly config: Pick<DeviceConfig, 'dataDir' | 'slots'>;
  readonly store: { readonly states: StateTable; readonly recorder: Pick<Recorder, 'events'> };
  readonly engine: Engine;
  readonly fetchPackage: FetchPackage;
  /** Frees the chunks of a package that is installed or refused. */
  readonly dropChunks?: (ref: ModelRef) => Promise<void>;
  readonly trust: Pick<DeviceTrust, 'approve' | 'approveConfigured' | 'settled'>;
  readonly clock: Clock;
  readonly log: Logger;
  readonly counters: Counters;
  /** What is active or reported has changed. */
  readonly onChange: () => void;
  /** First wait before a fetch is tried again; default 1 s. */
  readonly retryMs?: number;
}

const TICK_MS = 250;

export class ModelManager implements ActiveModels {
  readonly #deps: ModelManagerDeps;
  readonly #library: ModelLibrary;
  readonly #slots = new Map<string, SlotManager>();
  readonly #pruning: SingleFlight;
  /** Packages on the disk that are about to be wanted. */
  readonly #brought = new Set<string>();
  /** Before every slot has read its row, nobody knows what is needed. */
  #started = false;
  #ticker: NodeJS.Timeout | undefined;

  constructor(deps: ModelManagerDeps) {
    this.#deps = deps;
    const { config, engine, trust, retryMs = 1000 } = deps;
    const folder = join(config.dataDir, 'packages');
    this.#library = new ModelLibrary({ folder, engine, trust });
    this.#pruning = new SingleFlight(
      () => this.#prune(),
      (error) => this.#count(codeOf(error), `cannot delete old models: ${String(error)}`),
    );
    for (const [slot, slotConfig] of Object.entries(config.slots)) {
      const manager = new SlotManager({
        ...deps,
        states: deps.store.states,
        slot,
        config: slotConfig,
        library: this.#library,
        approve: async (ref, signal) => {
          await trust.settled(signal);
          trust.approve(ref);
        },
        retryMs,
        tell: (events) => {
          const timeMs = deps.clock.wallMs();
          this.#mayFail(deps.store.recorder.events(events.map((words) => ({ ...words, timeMs, slot }))));
        },
        onChange: () => this.#changed(),
        onSettled: (ref) => this.#mayFail(deps.dropChunks?.(ref)),
      });
      this.#slots.set(slot, manager);
    }
  }

  /** Returns when every slot runs what it ran before, or the config's model; a slot whose models all fail has none. */
  async start(): Promise<void> {
    for (const manager of this.#slots.values()) await manager.start();
    this.#started = true;
    this.#ticker = setInterval(() => {
      for (const manager of this.#slots.values()) manager.tick();
    }, TICK_MS);
    this.#ticker.unref();
    this.#changed();
  }

  /** Ends installations under way; they begin again with the next start. */
  async stop(): Promise<void> {
    clearInterval(this.#ticker);
    this.#started = false;
    await Promise.all([...this.#slots.values()].map((manager) => manager.stop()));
    await this.#pruning.settled();
  }

  of(slot: string): SlotModels | undefined {
    return this.#slots.get(slot)?.models;
  }

  /**
   * What the server wants. The caller has checked that it is signed, for this device and newer than the last:
   * each call replaces the one before. Slots that it does not name stay as they are.
   * @throws CodedError STORE_FULL, STORE_UNWRITABLE
   */
  desired(desired: Desired): void {
    for (const [slot, wanted] of Object.entries(desired.slots)) {
      const manager = this.#slots.get(slot);
      if (manager) manager.desired(wanted);
      else
        this.#count(
          'DESIRED_REFUSED',
          `the desired state names the slot "${slot}", which this device does not have`,
        );
    }
  }

  /**
   * Puts a package on the disk that a person brought, then has it wanted; in between nothing tidies it away.
   * @throws CodedError PACKAGE_*; errors of the disk, and of `want`
   */
  async bring(manifestSha256: string, files: ReadonlyMap<string, Buffer>, want: () => void): Promise<void> {
    this.#brought.add(manifestSha256);
    try {
      await this.#library.stage(manifestSha256, files);
      want();
    } finally {
      this.#brought.delete(manifestSha256);
    }
  }

  /**
   * What a desired state of this slot would do, without doing it.
   * @throws CodedError SLOT_UNKNOWN
   */
  plan(slot: string, desired: DesiredSlot): PlanStep[] {
    return this.#slotOf(slot).plan(desired, {
      isHere: (model) => this.#library.isOnDisk(model),
      refusal: (ref) => {
        try {
          this.#deps.trust.approve(ref);
          return null;
        } catch (error) {
          return `${codeOf(error)}: ${wordsOf(error)}`;
        }
      },
      fetchWords: ({ sizeBytes }) => `at most ${(sizeBytes / 1024).toFixed(0)} KiB`,
    });
  }

  /** The signed metadata changed. */
  trustChanged(): void {
    for (const manager of this.#slots.values()) manager.trustChanged();
  }

  reported(): Record<string, ReportedSlot> {
    return Object.fromEntries([...this.#slots].map(([slot, manager]) => [slot, manager.reported()]));
  }

  /** How a model did with `count` samples: what a probation and a roll-back are decided by. */
  observe(slot: string, manifestSha256: string, outcome: Outcome, count = 1, computeUs?: number): void {
    this.#slots.get(slot)?.observe(manifestSha256, outcome, count, computeUs);
  }

  /** An operator's hold on a slot that is in force; null when there is none. */
  holdOf(slot: string): Hold | null {
    return this.#slots.get(slot)?.hold ?? null;
  }

  /**
   * While a slot is held, no newcomer begins to decide in it; going back never waits. Durable when this returns.
   * @param hold null releases
   * @throws CodedError SLOT_UNKNOWN, STORE_FULL, STORE_UNWRITABLE
   */
  setHold(slot: string, hold: Pick<Hold, 'reason' | 'untilMs'> | null): void {
    this.#slotOf(slot).setHold(hold);
  }

  /** What the self-test measured of a model in a slot; null when it was never tested there. */
  figuresOf(slot: string, manifestSha256: string): SelfTest | null {
    return this.#slots.get(slot)?.figuresOf(manifestSha256) ?? null;
  }

  /** Give it to the engine as `onDeath`. */
  engineDied({ model, cause }: EngineDeath): void {
    if (model === null) return;
    for (const manager of this.#slots.values()) manager.engineDied(model, cause);
  }

  #slotOf(slot: string): SlotManager {
    const manager = this.#slots.get(slot);
    if (manager) return manager;
    const hint = `Name one of: ${[...this.#slots.keys()].join(', ')}.`;
    throw agentError('SLOT_UNKNOWN', `this device has no slot "${slot}"`, { hint });
  }

  #changed(): void {
    this.#deps.onChange();
    if (!this.#started) return;
    const residents = new Set([...this.#slots.values()].flatMap((manager) => manager.residents()));
    // In this very turn: an engine that died of a model does not load it into its successor.
    this.#mayFail(this.#library.unloadOthers(residents));
    this.#pruning.run();
  }

  /** Deletes what no slot needs any more. */
  async #prune(): Promise<void> {
    const slots = [...this.#slots.values()];
    const isNeeded = (model: string) => slots.some(({ state }) => needed(state).includes(model));
    await this.#library.prune((model) => this.#brought.has(model) || isNeeded(model));
  }

  #mayFail(work: Promise<void> | undefined): void {
    work?.catch((error: unknown) => this.#count(codeOf(error), String(error)));
  }

  #count(code: string, words: string): void {
    this.#deps.counters.add(code);
    this.#deps.log.warn({ event: 'models', code }, words);
  }
}
