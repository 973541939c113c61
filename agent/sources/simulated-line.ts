/** A simulated milling line as a live source: parts at a steady rate, and the line's events about them a little later. */
import { randomInt } from 'node:crypto';
import type { Clock } from '../clock.ts';
import type { SimulatedLineConfig } from '../config/schema.ts';
import { type Injection, Injections } from './injection.ts';
import { MillingProcess, type Quality } from './milling-process.ts';
import { Random } from './random.ts';
import { SimulatedGate } from './simulated-gate.ts';
import { SimulatedTags } from './simulated-tags.ts';
import type { LineDecision, SampleSink, Source } from './source.ts';

/** Where the published product ids begin. */
const FIRST_SERIAL = { L: 47_180, M: 14_860, H: 29_410 } as const satisfies Record<Quality, number>;
const TICK_MS = 10;
/** A line that fell behind by more than this (a suspended machine) does not make up for it. */
const CATCH_UP_US = 1_000_000;
/** Share of failed parts that are saved at the rework station. */
const REWORKED = 1 / 3;

interface LineDeps {
  readonly clock: Clock;
}

export class SimulatedLine implements Source {
  readonly id: string;
  readonly #config: SimulatedLineConfig;
  readonly #clock: Clock;
  readonly #process: MillingProcess;
  readonly #injections: Injections;
  readonly #random: Random;
  readonly #tags: SimulatedTags | undefined;
  readonly #gate: SimulatedGate | undefined;
  /** Oldest first, because every event waits equally long. */
  #waiting: { dueUs: number; kind: string; correlationId: string }[] = [];
  #runTag = '';
  #made = 0;
  #scheduleStartUs = 0;
  #dueSinceStart = 0;
  #timer: NodeJS.Timeout | undefined;
  #sink: SampleSink | undefined;

  constructor(id: string, config: SimulatedLineConfig, deps: LineDeps) {
    this.id = id;
    this.#config = config;
    this.#clock = deps.clock;
    this.#process = new MillingProcess(config.seed, config.temperatureMemoryParts);
    this.#random = new Random(config.seed + 1);
    this.#injections = new Injections(this.#random);
    if (config.tagged) this.#tags = new SimulatedTags(config.constantTags);
    if (config.gate) this.#gate = new SimulatedGate(config.gate);
  }

  async start(sink: SampleSink): Promise<void> {
    if (this.#timer) throw new Error(`source "${this.id}" runs already`);
    this.#runTag = runTag(this.#clock.wallMs());
    this.#restartSchedule(this.#clock.monotonicUs());
    this.#sink = sink;
    this.#tickLater(sink);
  }

  /** Events that were still to come are sent now: what the line knows of its parts is not lost by a restart. */
  async stop(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#sendEvents(Number.POSITIVE_INFINITY);
    this.#sink = undefined;
  }

  done(): boolean {
    return false;
  }

  /** What the gate takes off the line makes no events any more. */
  decided(decisions: readonly LineDecision[]): void {
    for (const correlationId of this.#gate?.takenOff(decisions) ?? []) {
      this.#sendEvent('reject-gate-fired', correlationId);
    }
  }

  /** Takes effect with the next part. */
  inject(injection: Injection): void {
    this.#injections.apply(injection);
  }

  #tickLater(sink: SampleSink): void {
    this.#timer = setTimeout(() => {
      this.#tick(sink);
      if (this.#timer) this.#tickLater(sink);
    }, TICK_MS);
  }

  #tick(sink: SampleSink): void {
    const nowUs = this.#clock.monotonicUs();
    const due = Math.floor(((nowUs - this.#scheduleStartUs) * this.#config.ratePerS) / 1e6);
    const behind = due - this.#dueSinceStart;
    const catchUp = Math.max(1, Math.ceil((CATCH_UP_US * this.#config.ratePerS) / 1e6));
    for (let i = Math.min(behind, catchUp); i > 0; i--) this.#makePart(sink, nowUs);
    this.#dueSinceStart = due;
    if (behind > catchUp) {
      sink.refused(
        'SAMPLE_DROPPED',
        `${this.id} stood still for ${behind - catchUp} parts: the agent was held up`,
      );
      this.#restartSchedule(nowUs);
    }
    this.#sendEvents(nowUs);
  }

  #restartSchedule(nowUs: number): void {
    this.#scheduleStartUs = nowUs;
    this.#dueSinceStart = 0;
  }

  #makePart(sink: SampleSink, nowUs: number): void {
    const { values, failures } = this.#process.next(this.#injections.drift());
    this.#made += 1;
    const correlationId = `${values.type}${FIRST_SERIAL[values.type] + this.#made}-${this.#runTag}`;
    sink.sample({
      source: this.id,
      timeMs: this.#clock.wallMs(),
      correlationId,
      features: this.#injections.reported(values),
      ...(this.#tags ? { tags: this.#tags.of(this.#made, values.type) } : {}),
    });
    const failed = failures.length > 0;
    this.#expectEvent(failed ? 'machine-failed' : 'passed-downstream', correlationId, nowUs);
    if (failed && this.#random.uniform() < REWORKED) {
      this.#expectEvent('part-reworked', correlationId, nowUs);
    }
  }

  #expectEvent(kind: string, correlationId: string, nowUs: number): void {
    this.#waiting.push({ dueUs: nowUs + this.#config.eventDelayMs * 1000, kind, correlationId });
  }

  #sendEvents(nowUs: number): void {
    const firstLater = this.#waiting.findIndex(({ dueUs }) => dueUs > nowUs);
    const due = this.#waiting.splice(0, firstLater === -1 ? this.#waiting.length : firstLater);
    for (const { kind, correlationId } of due) {
      if (!this.#gate?.hasTaken(correlationId)) this.#sendEvent(kind, correlationId);
    }
  }

  #sendEvent(kind: string, correlationId: string): void {
    const { station } = this.#config;
    this.#sink?.event({ timeMs: this.#clock.wallMs(), kind, correlationId, station });
  }
}

/** Differs between any two starts, also when the clock jumps back: seconds since 2025 and two random places, base 36. */
function runTag(wallMs: number): string {
  const seconds = Math.max(0, Math.floor(wallMs / 1000) - 1_735_689_600);
  const random = randomInt(36 ** 2).toString(36);
  return seconds.toString(36) + random.padStart(2, '0');
}
