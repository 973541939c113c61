/** One slot's models: keeps its durable row, installs what is wanted, watches what works, and goes back by itself. */
import { setTimeout as pause } from 'node:timers/promises';
import type { Logger } from 'pino';
import { codeOf } from '../../protocol/errors.ts';
import { modelTitle } from '../../protocol/manifest.ts';
import type { DesiredSlot, ModelRef, ReportedSlot } from '../../protocol/messages.ts';
import type { Clock } from '../clock.ts';
import type { SlotConfig } from '../config/schema.ts';
import type { Counters } from '../counters.ts';
import type { StateTable } from '../store/store.ts';
import type { SlotModels } from './active-models.ts';
import { Guards } from './guards.ts';
import { type PlanFacts, type PlanStep, planInstall } from './install-plan.ts';
import { type ApproveModel, type FetchPackage, installModel, isForGood } from './installation.ts';
import { type EventWords, eventsOf, refusal, wordsOf } from './model-events.ts';
import type { ModelLibrary } from './model-library.ts';
import { SingleFlight } from './single-flight.ts';
import { type FetchProgress, modelsOf, reportOf } from './slot-view.ts';
import {
  EMPTY_SLOT,
  type Goal,
  nextInstall,
  onTrial,
  refOf,
  type SlotEvent,
  type SlotState,
  slotStateSchema,
  transition,
} from './transitions.ts';

/** A champion on probation that has seen more starts of the agent than this is taken to be their cause. */
const BOOT_LOOP_STARTS = 3;
/** What never waits for the disk: a restart that reads the row of before comes to the same again. */
const NEEDS_NO_ROW: readonly SlotEvent['kind'][] = ['started', 'refused', 'commit', 'failed'];

export interface SlotManagerDeps {
  readonly slot: string;
  readonly config: Pick<SlotConfig, 'model' | 'probation'>;
  readonly library: ModelLibrary;
  readonly states: StateTable;
  readonly approve: ApproveModel;
  readonly fetchPackage: FetchPackage;
  readonly retryMs: number;
  readonly clock: Clock;
  readonly log: Logger;
  readonly counters: Counters;
  readonly tell: (events: readonly EventWords[]) => void;
  /** Something that is reported, handed out, loaded or kept has changed. */
  readonly onChange: () => void;
  /** The package of this reference is installed, or refused: its chunks are of no more use. */
  readonly onSettled: (ref: ModelRef) => void;
}

export class SlotManager {
  readonly #deps: SlotManagerDeps;
  /** Of the row in the state table. */
  readonly #key: string;
  readonly #guards: Guards;
  #state: SlotState = EMPTY_SLOT;
  #models: SlotModels | undefined;
  #progress: FetchProgress = { model: '', chunksHave: 0, chunksWant: 0, waitsFor: null };
  #job: { model: string; goal: Goal; abort: AbortController } | undefined;
  readonly #installing: SingleFlight;
  readonly #restoring: SingleFlight;
  #running = false;
  /** The last model that failed with none to go back to: one line says so, however long it goes on. */
  #stuckWith: string | undefined;

  constructor(deps: SlotManagerDeps) {
    this.#deps = deps;
    this.#key = `models/${deps.slot}`;
    this.#guards = new Guards(deps.config.probation, () => deps.clock.monotonicUs() / 1000);
    const stopped = (error: unknown) =>
      this.#count(codeOf(error), `work on the models stopped: ${wordsOf(error)}`);
    this.#restoring = new SingleFlight(() => this.#restore(), stopped);
    this.#installing = new SingleFlight(() => this.#install(), stopped);
  }

  get state(): SlotState {
    return this.#state;
  }

  /** One object a change. */
  get models(): SlotModels | undefined {
    return this.#models;
  }

  /** Brings back what the slot ran, with no network; else what the config names. */
  async start(): Promise<void> {
    this.#running = true;
    const row = slotStateSchema.safeParse(this.#deps.states.get(this.#key) ?? EMPTY_SLOT);
    if (row.success) this.#state = row.data;
    else this.#count('MODEL_UNREADABLE', 'the row of this slot is damaged; starting from the config');
    this.#apply({ kind: 'started' });
    this.#guards.follow(EMPTY_SLOT, this.#state);
    const { champion, trialStarts } = this.#state;
    if (champion && trialStarts > BOOT_LOOP_STARTS) {
      this.#fail(champion, `the agent started ${trialStarts} times in its probation`);
    }
    await this.#restore();
    await this.#useConfigured();
    this.#goOn();
  }

  async stop(): Promise<void> {
    this.#running = false;
    this.#job?.abort.abort();
    await Promise.all([this.#installing.settled(), this.#restoring.settled()]);
  }

  /** What the server wants now; cancels an installation that it does not ask for. */
  desired(desired: DesiredSlot): void {
    this.#apply({ kind: 'desired', desired });
    const next = nextInstall(this.#state);
    const job = this.#job;
    if (job && (job.model !== next?.model || job.goal !== next.goal)) job.abort.abort();
    this.#goOn();
  }

  /** The signed metadata changed: what they refused may be allowed now. */
  trustChanged(): void {
    this.#apply({ kind: 'trust-changed' });
    this.#goOn();
  }

  observe(model: string, outcome: 'ok' | 'error', count: number): void {
    this.#guards.observe(model, outcome, count);
    this.#judge(model);
  }

  engineDied(model: string, cause: 'crash' | 'killed' | 'hang'): void {
    this.#guards.engineDied(model, cause);
    this.#judge(model);
  }

  /** Probations end by time too. */
  tick(): void {
    if (this.#state.champion && onTrial(this.#state)) this.#judge(this.#state.champion);
  }

  reported(): ReportedSlot {
    return reportOf(this.#state, this.#models, this.#progress);
  }

  /** What this would do, without doing it. */
  plan(desired: DesiredSlot, facts: Omit<PlanFacts, 'titleOf' | 'probation'>): PlanStep[] {
    const names = [desired.champion, ...(desired.challenger ? [desired.challenger.model] : [])];
    const named = (model: string) => names.find(({ manifestSha256 }) => manifestSha256 === model);
    return planInstall(this.#state, desired, {
      ...facts,
      titleOf: (model) => {
        const ref = named(model);
        return ref ? modelTitle(ref) : this.#titleOf(model);
      },
      probation: this.#deps.config.probation,
    });
  }

  /** Models that have to stay loaded in the engine. */
  residents(): string[] {
    return [...this.#workers(), ...(this.#state.step ? [this.#state.step.model] : [])];
  }

  /**
   * The row is written first and acted on after; nothing else changes the state.
   * @throws CodedError STORE_FULL, STORE_UNWRITABLE for what must not be acted on without its row
   */
  #apply(event: SlotEvent): void {
    const before = this.#state;
    const after = transition(before, event);
    if (after === before) return;
    try {
      this.#deps.states.set(this.#key, after);
    } catch (error) {
      if (!NEEDS_NO_ROW.includes(event.kind)) throw error;
      this.#count(codeOf(error), `cannot write the row of this slot: ${wordsOf(error)}`);
    }
    this.#state = after;
    this.#guards.follow(before, after);
    const events = eventsOf(before, after, event, (model) => this.#titleOf(model));
    if (events.length > 0) this.#deps.tell(events);
    this.#handOut();
  }

  /** Hands out what the row says, as far as the engine has it. */
  #handOut(): void {
    this.#models = modelsOf(this.#state, (model) => this.#deps.library.loaded(model), this.#models);
    this.#deps.onChange();
  }

  #judge(model: string): void {
    const verdict = this.#guards.verdict(this.#state, model);
    if (verdict.kind === 'wait') return;
    try {
      if (verdict.kind === 'fail') this.#fail(model, verdict.reason);
      else this.#apply({ kind: 'commit' });
    } catch (error) {
      // The next look at the guard tries again.
      this.#count(codeOf(error), `cannot commit ${this.#titleOf(model)}: ${wordsOf(error)}`);
    }
    this.#goOn();
  }

  #fail(model: string, reason: string): void {
    const before = this.#state;
    this.#apply({ kind: 'failed', model, reason });
    if (this.#state !== before) return;
    // There is nothing to go back to: it stays, and is watched anew.
    this.#guards.renew(model);
    const words = `${this.#titleOf(model)} fails and there is no model to go back to: ${reason}`;
    if (this.#stuckWith === model) this.#deps.counters.add('MODEL_NOT_ACTIVE');
    else this.#count('MODEL_NOT_ACTIVE', words);
    this.#stuckWith = model;
  }

  /** Starts whatever is to be done and is not under way. */
  #goOn(): void {
    if (!this.#running) return;
    this.#restoring.run();
    this.#installing.run();
  }

  /** Loads what the row says works here; what does not load any more gives way to what does. */
  async #restore(): Promise<void> {
    const hopeless = new Set<string>();
    const missing = () =>
      this.#workers().find((model) => !this.#deps.library.loaded(model) && !hopeless.has(model));
    for (let model = missing(); model !== undefined && this.#running; model = missing()) {
      try {
        await this.#deps.library.load(model, { test: false });
      } catch (error) {
        if (!this.#running) return;
        hopeless.add(model);
        this.#count(codeOf(error), `${this.#titleOf(model)} does not load: ${wordsOf(error)}`);
        this.#fail(model, `it does not load: ${wordsOf(error)}`);
      }
      this.#handOut();
    }
  }

  /** The config's model, when the slot has none that runs, or when only the config speaks and now names another. */
  async #useConfigured(): Promise<void> {
    const { library, config, tell } = this.#deps;
    if (this.#models && this.#state.desired !== null) return;
    try {
      const { manifestSha256: model, files } = await library.identify(config.model);
      if (this.#models && this.#state.configured === model) return;
      await library.stage(model, files);
      await library.load(model, { test: true });
      this.#apply({ kind: 'configured', model });
      this.#handOut();
    } catch (error) {
      if (!this.#running) return;
      this.#count(codeOf(error), `the model of the config does not run: ${wordsOf(error)}`);
      tell([refusal(null, config.model, wordsOf(error))]);
    }
  }

  /** Installs what is wanted, one after the other, until the slot has it or may not have it. */
  async #install(): Promise<void> {
    const { retryMs, onSettled } = this.#deps;
    for (;;) {
      const next = nextInstall(this.#state);
      const ref = next && refOf(this.#state, next.model);
      if (!next || !ref || !this.#running) return;
      const abort = new AbortController();
      this.#job = { ...next, abort };
      try {
        await this.#installOne(ref, next.goal, abort.signal);
        if (abort.signal.aborted) continue;
        this.#apply({ kind: 'passed' });
      } catch (error) {
        if (abort.signal.aborted) continue;
        this.#count(codeOf(error), `${modelTitle(ref)} is not installed: ${wordsOf(error)}`);
        if (isForGood(error)) this.#apply({ kind: 'refused', reason: `${codeOf(error)}: ${wordsOf(error)}` });
        else await pause(retryMs, undefined, { signal: abort.signal, ref: false }).catch(() => undefined);
      } finally {
        this.#job = undefined;
        this.#handOut();
      }
      onSettled(ref);
    }
  }

  async #installOne(ref: ModelRef, goal: Goal, signal: AbortSignal): Promise<void> {
    const { library, approve, fetchPackage, retryMs, onChange } = this.#deps;
    const model = ref.manifestSha256;
    await installModel(
      ref,
      {
        library,
        approve,
        fetchPackage,
        retryMs,
        onStep: (to) => this.#apply({ kind: 'step', model, goal, to }),
        onProgress: (chunksHave, chunksWant, waitsFor) => {
          this.#progress = { model, chunksHave, chunksWant, waitsFor };
          onChange();
        },
        onRetry: (error) =>
          this.#count(codeOf(error), `${modelTitle(ref)} will be tried again: ${wordsOf(error)}`),
      },
      signal,
    );
  }

  /** Models that work here; during a probation the last good one stays at hand, so that going back takes no time. */
  #workers(): string[] {
    const { champion, challenger, good } = this.#state;
    const models = [champion, onTrial(this.#state) ? good[0] : null, challenger?.model];
    return models.filter((model) => typeof model === 'string');
  }

  #titleOf(model: string): string {
    const named = this.#deps.library.loaded(model)?.manifest ?? refOf(this.#state, model);
    return named ? modelTitle(named) : `model ${model.slice(0, 12)}`;
  }

  #count(code: string, words: string): void {
    this.#deps.counters.add(code);
    this.#deps.log.warn({ event: 'models', code, slot: this.#deps.slot }, words);
  }
}
