/** One slot's models: joins its durable row, its watch, its installer and its hold, and keeps loaded what the row says works. */
import type { Logger } from 'pino';
import type { Counters } from '../../daemon/counters.ts';
import { codeOf } from '../../protocol/errors.ts';
import { modelTitle } from '../../protocol/manifest.ts';
import type { DesiredSlot, ModelRef, ReportedSlot } from '../../protocol/messages.ts';
import type { Clock } from '../clock.ts';
import type { SlotConfig } from '../config/schema.ts';
import type { StateTable } from '../store/store.ts';
import type { SlotModels } from './active-models.ts';
import { tellUnusable, useConfigured } from './configured-model.ts';
import type { Hold } from './gate.ts';
import type { Outcome } from './guard.ts';
import { type PlanFacts, type PlanStep, planInstall } from './install-plan.ts';
import type { ApproveModel, FetchPackage } from './installation.ts';
import { adviceOf, type EventWords, eventsOf, holdEvent, wordsOf } from './model-events.ts';
import type { ModelLibrary } from './model-library.ts';
import { SingleFlight } from './single-flight.ts';
import { SlotHold } from './slot-hold.ts';
import { SlotInstaller } from './slot-installer.ts';
import { SlotRow } from './slot-row.ts';
import { onTrial, refOf, type SelfTest, type SlotEvent, type SlotState, settledRefs } from './slot-state.ts';
import { modelsOf, reportOf } from './slot-view.ts';
import { SlotWatch } from './slot-watch.ts';

export interface SlotManagerDeps {
  readonly slot: string;
  readonly config: Pick<SlotConfig, 'model' | 'batch' | 'updates' | 'budget' | 'selfTest' | 'probation'>;
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
  readonly #row: SlotRow;
  readonly #hold: SlotHold;
  readonly #watch: SlotWatch;
  readonly #installer: SlotInstaller;
  readonly #restoring: SingleFlight;
  #models: SlotModels | undefined;
  #running = false;
  readonly #problem = (code: string, words: string): void => {
    this.#deps.counters.add(code);
    this.#deps.log.warn({ event: 'models', code, slot: this.#deps.slot }, words);
  };

  constructor(deps: SlotManagerDeps) {
    this.#deps = deps;
    this.#hold = new SlotHold(deps);
    this.#row = new SlotRow({
      ...deps,
      problem: this.#problem,
      changed: (...change) => this.#changed(...change),
    });
    this.#watch = new SlotWatch({
      ...deps,
      row: this.#row,
      problem: this.#problem,
      titleOf: (model) => this.#titleOf(model),
      onJudged: () => this.#goOn(),
      nowMs: () => deps.clock.monotonicUs() / 1000,
    });
    this.#installer = new SlotInstaller({
      ...deps,
      row: this.#row,
      shadow: this.#watch.shadow,
      problem: this.#problem,
      onChange: () => this.#handOut(),
    });
    this.#restoring = new SingleFlight(
      () => this.#restore(),
      (error) => this.#problem(codeOf(error), `work on the models stopped: ${wordsOf(error)}`),
    );
  }

  get state(): SlotState {
    return this.#row.state;
  }

  /** One object a change. */
  get models(): SlotModels | undefined {
    return this.#models;
  }

  /** What the self-test measured of a model here. */
  figuresOf(model: string): SelfTest | null {
    return this.state.figures[model] ?? null;
  }

  /** Brings back what the slot ran, with no network; else what the config names. */
  async start(): Promise<void> {
    this.#running = true;
    this.#hold.start();
    this.#row.read();
    this.#row.apply({ kind: 'started' });
    this.#lookAtGate();
    this.#watch.start();
    await this.#restore();
    await this.#useConfigured();
    // A kill may have cut the tidying up after them; their models may fail before the server speaks again.
    for (const ref of settledRefs(this.state)) this.#deps.onSettled(ref);
    this.#goOn();
  }

  async stop(): Promise<void> {
    this.#running = false;
    await Promise.all([this.#installer.stop(), this.#restoring.settled()]);
  }

  /** What the server wants now; cancels an installation that it does not ask for. */
  desired(desired: DesiredSlot): void {
    this.#lookAtGate();
    this.#row.apply({ kind: 'desired', desired });
    this.#goOn();
  }

  /** The signed metadata changed: what they refused may be allowed now. */
  trustChanged(): void {
    this.#row.apply({ kind: 'trust-changed' });
    this.#goOn();
  }

  /** An operator's hold that is in force; null when there is none. */
  get hold(): Hold | null {
    return this.#hold.hold;
  }

  /**
   * While a slot is held, no newcomer begins to decide in it. Durable when this returns.
   * @param wanted null releases
   * @throws CodedError STORE_FULL, STORE_UNWRITABLE
   */
  setHold(wanted: Pick<Hold, 'reason' | 'untilMs'> | null): void {
    const before = this.#hold.hold;
    this.#hold.set(wanted);
    if (wanted || before) this.#deps.tell([holdEvent(wanted, before)]);
    this.#lookAtGate();
    this.#goOn();
    this.#deps.onChange();
  }

  observe(model: string, outcome: Outcome, count: number, computeUs?: number): void {
    this.#watch.observe(model, outcome, count, computeUs);
  }

  engineDied(model: string, cause: 'crash' | 'killed' | 'hang'): void {
    this.#watch.engineDied(model, cause);
  }

  /** Windows open, holds end, probations and shadow runs end by time too. */
  tick(): void {
    const before = this.state;
    this.#lookAtGate();
    if (this.state !== before) this.#goOn();
    this.#watch.tick();
  }

  reported(): ReportedSlot {
    return reportOf(this.state, this.#models, this.#installer.progress, this.#hold.waiting());
  }

  /** What this would do, without doing it. */
  plan(desired: DesiredSlot, facts: Omit<PlanFacts, 'titleOf' | 'probation' | 'waiting'>): PlanStep[] {
    return planInstall(this.state, desired, {
      ...facts,
      titleOf: (model) => this.#titleOf(model),
      probation: this.#deps.config.probation,
      waiting: this.#hold.waiting(),
    });
  }

  /** Models that have to stay loaded in the engine. */
  residents(): string[] {
    return [...this.#workers(), ...(this.state.step ? [this.state.step.model] : [])];
  }

  #changed(before: SlotState, after: SlotState, event: SlotEvent): void {
    this.#watch.follow(before, after);
    const events = eventsOf(before, after, event, (model) => this.#titleOf(model));
    if (events.length > 0) this.#deps.tell(events);
    this.#handOut();
  }

  /** Hands out what the row says, as far as the engine has it. */
  #handOut(): void {
    this.#models = modelsOf(this.state, (model) => this.#deps.library.loaded(model), this.#models);
    this.#deps.onChange();
  }

  #lookAtGate(): void {
    this.#row.apply({ kind: 'gate', held: this.#hold.waiting() !== null });
  }

  /** Starts whatever is to be done and is not under way. */
  #goOn(): void {
    if (!this.#running) return;
    this.#restoring.run();
    this.#installer.goOn();
  }

  /** Loads what the row says works here; what does not load any more gives way to what does. */
  async #restore(): Promise<void> {
    const hopeless = new Set<string>();
    const missing = () =>
      this.#workers().find((model) => !this.#deps.library.loaded(model) && !hopeless.has(model));
    for (let model = missing(); model !== undefined && this.#running; model = missing()) {
      try {
        await this.#deps.library.load(model);
      } catch (error) {
        if (!this.#running) return;
        hopeless.add(model);
        this.#problem(codeOf(error), `${this.#titleOf(model)} does not load: ${adviceOf(error)}`);
        this.#watch.fail(model, `it does not load: ${wordsOf(error)}`);
      }
      this.#handOut();
    }
  }

  /** The config's model, when the slot has none that runs, or when only the config speaks and now names another. */
  async #useConfigured(): Promise<void> {
    if (this.#models && this.state.desired !== null) return;
    const deps = { ...this.#deps, row: this.#row, problem: this.#problem };
    try {
      await useConfigured(deps, this.#models !== undefined);
      this.#handOut();
    } catch (error) {
      if (this.#running) tellUnusable(deps, error);
    }
  }

  /** Models that work here; during a probation the last good one stays at hand, so that going back takes no time. */
  #workers(): string[] {
    const { champion, challenger, good } = this.state;
    const models = [champion, onTrial(this.state) ? good[0] : null, challenger?.model];
    return models.filter((model) => typeof model === 'string');
  }

  #titleOf(model: string): string {
    const named = this.#deps.library.loaded(model)?.manifest ?? refOf(this.state, model);
    return named ? modelTitle(named) : `model ${model.slice(0, 12)}`;
  }
}
