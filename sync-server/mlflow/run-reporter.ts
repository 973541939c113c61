/**
 * Gathers what MLflow shall know into a durable outbox and delivers it in order. A report leaves the outbox only when
 * MLflow has taken it or says that it never will, so an MLflow that is away for a week gets everything later, once.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { Counters } from '../../daemon/counters.ts';
import { CodedError } from '../../protocol/errors.ts';
import type { OutcomeCount } from '../../protocol/evidence/outcome-count.ts';
import type { Clock } from '../clock.ts';
import type { DayOfEpoch } from '../store/mlflow-table.ts';
import type { PublishedModel } from '../store/model-table.ts';
import type { ServerStore } from '../store/server-store.ts';
import type { MlflowClient } from './mlflow-client.ts';
import { dayReport, decisionReport, type RunReport, runReportSchema } from './run-report.ts';

export interface RunReporterDeps {
  readonly store: ServerStore;
  readonly client: Pick<MlflowClient, 'post'>;
  readonly clock: Clock;
  readonly counters: Counters;
  readonly log: Logger;
}

const SLICE = 200;
/** Predictions that are looked at in one turn: some 10 ms. */
const SEQS_A_TURN = 20_000;
const MS_A_DAY = 86_400_000;
/** A day is reported when the next one is over too: labels come after their samples. */
const LABELS_WAIT_DAYS = 1;
/** MLflow will never take these: the run or version is gone, or a value does not suit it. Everything else may work later. */
const FOR_GOOD = new Set(['MLFLOW_NOT_FOUND', 'MLFLOW_REFUSED']);

export class RunReporter {
  readonly #deps: RunReporterDeps;

  constructor(deps: RunReporterDeps) {
    this.#deps = deps;
  }

  /** Puts everything new into the outbox; needs no network. */
  async gather(): Promise<void> {
    while (this.#gatherDecisions()) await nextTurn();
    await this.#gatherDays();
  }

  /** @throws CodedError of `MlflowClient.post` where it may work later */
  async deliver(signal: AbortSignal): Promise<void> {
    const { mlflow } = this.#deps.store;
    for (let waiting = mlflow.waiting(SLICE); waiting.length > 0; waiting = mlflow.waiting(SLICE)) {
      for (const { id, message } of waiting) {
        await this.#send(runReportSchema.parse(JSON.parse(message)), signal);
        mlflow.remove(id);
      }
    }
  }

  /** @returns whether there may be more */
  #gatherDecisions(): boolean {
    const { store } = this.#deps;
    const decisions = store.mlflow.decisionsAfter(store.mlflow.cursor('decisions'), SLICE);
    const last = decisions.at(-1);
    if (!last) return false;
    const rollouts = new Map(store.rollouts.all().map((rollout) => [rollout.id, rollout]));
    const reports = decisions.map((each) => {
      const rollout = rollouts.get(each.rolloutId);
      const model = rollout && store.models.byHash(rollout.to.manifestSha256);
      const origin = model?.manifest.lineage.mlflow;
      return rollout && origin && decisionReport(origin, rollout, each);
    });
    store.transaction(() => {
      for (const report of reports) this.#add(report);
      store.mlflow.moveCursor('decisions', last.id);
    });
    return decisions.length === SLICE;
  }

  async #gatherDays(): Promise<void> {
    const { store, clock } = this.#deps;
    const models = store.models.all().filter(({ manifest }) => manifest.lineage.mlflow?.runId !== undefined);
    const today = Math.floor(clock.wallMs() / MS_A_DAY);
    for (const day of store.mlflow.daysBetween(store.mlflow.cursor('days'), today - LABELS_WAIT_DAYS)) {
      const reports: (RunReport | undefined)[] = [];
      for (const model of models) reports.push(await this.#dayOf(model, day));
      store.transaction(() => {
        for (const report of reports) this.#add(report);
        store.mlflow.moveCursor('days', day);
      });
    }
  }

  /** A part at a time, so that nothing else waits for a day of a whole fleet. */
  async #dayOf({ ref, manifest }: PublishedModel, day: number): Promise<RunReport | undefined> {
    const { mlflow } = this.#deps.store;
    let predictions = 0;
    const outcomes: OutcomeCount[] = [];
    for (const part of mlflow.epochsOf(day).flatMap(partsOf)) {
      const decided = mlflow.predictions(part, ref.manifestSha256);
      predictions += decided;
      if (decided > 0) outcomes.push(...mlflow.outcomes(part, ref.manifestSha256));
      await nextTurn();
    }
    return predictions === 0
      ? undefined
      : dayReport(manifest.lineage.mlflow ?? {}, manifest.metric, day, predictions, outcomes);
  }

  #add(report: RunReport | undefined): void {
    if (report) this.#deps.store.mlflow.add(JSON.stringify(report));
  }

  async #send({ runId, metrics, tags, modelVersion }: RunReport, signal: AbortSignal): Promise<void> {
    await this.#post('/mlflow/runs/log-batch', { run_id: runId, metrics, tags }, signal);
    for (const tag of modelVersion ? tags : []) {
      await this.#post('/mlflow/model-versions/set-tag', { ...modelVersion, ...tag }, signal);
    }
  }

  async #post(path: string, body: object, signal: AbortSignal): Promise<void> {
    const { client, counters, log } = this.#deps;
    try {
      await client.post(path, body, signal);
    } catch (error) {
      if (!(error instanceof CodedError) || !FOR_GOOD.has(error.code)) throw error;
      counters.add(`mlflow.${error.code}`);
      log.warn({ event: 'mlflow-report-refused', path, code: error.code }, error.message);
    }
  }
}

function partsOf({ epochId, afterSeq, lastSeq }: DayOfEpoch): DayOfEpoch[] {
  const parts: DayOfEpoch[] = [];
  for (let seq = afterSeq; seq < lastSeq; seq += SEQS_A_TURN) {
    parts.push({ epochId, afterSeq: seq, lastSeq: Math.min(lastSeq, seq + SEQS_A_TURN) });
  }
  return parts;
}
