/** Installs what a slot's row says is wanted, one after the other, until the slot has it or may not have it. */
import { setTimeout as pause } from 'node:timers/promises';
import { codeOf } from '../../protocol/errors.ts';
import { modelTitle } from '../../protocol/manifest.ts';
import type { ModelRef } from '../../protocol/messages.ts';
import type { SlotConfig } from '../config/schema.ts';
import { type ApproveModel, type FetchPackage, installModel, isForGood } from './installation.ts';
import { adviceOf, wordsOf } from './model-events.ts';
import type { ModelLibrary } from './model-library.ts';
import type { ShadowRun } from './shadow-run.ts';
import { SingleFlight } from './single-flight.ts';
import type { SlotRow } from './slot-row.ts';
import { type Goal, refOf } from './slot-state.ts';
import type { FetchProgress } from './slot-view.ts';
import { nextInstall } from './transitions.ts';

export interface SlotInstallerDeps {
  readonly config: Pick<SlotConfig, 'budget' | 'selfTest' | 'batch'>;
  readonly row: SlotRow;
  readonly library: ModelLibrary;
  readonly shadow: ShadowRun;
  readonly approve: ApproveModel;
  readonly fetchPackage: FetchPackage;
  readonly retryMs: number;
  readonly problem: (code: string, words: string) => void;
  /** What is reported, or handed out, may have changed. */
  readonly onChange: () => void;
  readonly onSettled: (ref: ModelRef) => void;
}

export class SlotInstaller {
  readonly #deps: SlotInstallerDeps;
  readonly #installing: SingleFlight;
  #progress: FetchProgress = { model: '', chunksHave: 0, chunksWant: 0, waitsFor: null };
  #job: { model: string; goal: Goal; abort: AbortController } | undefined;
  #stopped = false;

  constructor(deps: SlotInstallerDeps) {
    this.#deps = deps;
    this.#installing = new SingleFlight(
      () => this.#install(),
      (error) => deps.problem(codeOf(error), `work on the models stopped: ${wordsOf(error)}`),
    );
  }

  get progress(): FetchProgress {
    return this.#progress;
  }

  /** Starts whatever is to be done and is not under way; ends what is not wanted any more. */
  goOn(): void {
    const next = nextInstall(this.#deps.row.state);
    const job = this.#job;
    if (job && (job.model !== next?.model || job.goal !== next.goal)) job.abort.abort();
    this.#installing.run();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#job?.abort.abort();
    await this.#installing.settled();
    this.#deps.row.apply({ kind: 'stopped' });
  }

  async #install(): Promise<void> {
    const { row, retryMs, problem, onChange, onSettled } = this.#deps;
    for (;;) {
      const next = nextInstall(row.state);
      const ref = next && refOf(row.state, next.model);
      if (!next || !ref || this.#stopped) return;
      const abort = new AbortController();
      this.#job = { ...next, abort };
      try {
        await this.#installOne(ref, next.goal, abort.signal);
        if (abort.signal.aborted) continue;
        row.apply({ kind: 'passed' });
      } catch (error) {
        if (abort.signal.aborted) continue;
        problem(codeOf(error), `${modelTitle(ref)} is not installed: ${adviceOf(error)}`);
        if (isForGood(error)) row.apply({ kind: 'refused', reason: `${codeOf(error)}: ${wordsOf(error)}` });
        else await pause(retryMs, undefined, { signal: abort.signal, ref: false }).catch(() => undefined);
      } finally {
        this.#job = undefined;
        onChange();
      }
      onSettled(ref);
    }
  }

  async #installOne(ref: ModelRef, goal: Goal, signal: AbortSignal): Promise<void> {
    const { row, library, approve, fetchPackage, retryMs, config, problem, onChange } = this.#deps;
    const model = ref.manifestSha256;
    await installModel(
      ref,
      {
        library,
        approve,
        fetchPackage,
        retryMs,
        limits: { budget: config.budget, maxRows: config.batch.maxRows },
        onStep: (to) => row.apply({ kind: 'step', model, goal, to }),
        onMeasured: (figures) => row.apply({ kind: 'measured', model, figures }),
        onProgress: (chunksHave, chunksWant, waitsFor) => {
          this.#progress = { model, chunksHave, chunksWant, waitsFor };
          onChange();
        },
        onRetry: (error) =>
          problem(codeOf(error), `${modelTitle(ref)} will be tried again: ${wordsOf(error)}`),
      },
      signal,
    );
    if (goal === 'champion') await this.#lookOn(model, signal);
  }

  /** Beside the champion, where nobody else looks on: what fails here has decided nothing. */
  async #lookOn(model: string, signal: AbortSignal): Promise<void> {
    const { row, config, shadow } = this.#deps;
    const { champion, challenger, good } = row.state;
    // What did well here once is not tried as if it were new.
    if (config.selfTest.shadowSamples === 0 || champion === null || challenger || good.includes(model))
      return;
    const running = shadow.run(model, signal);
    row.apply({ kind: 'step', model, goal: 'champion', to: 'shadow' });
    await running;
  }
}
