/**
 * What one output has yet to deliver, in order, over failures and restarts. At least once: a message goes only when the other
 * side has it, has refused it, or after a day of attempts; what goes undelivered is counted.
 */
import type { Logger } from 'pino';
import { z } from 'zod';
import type { Counters } from '../../daemon/counters.ts';
import { type AlarmMessage, alarmMessageSchema } from '../../protocol/alarms.ts';
import { codeOf } from '../../protocol/errors.ts';
import type { Clock } from '../clock.ts';
import type { StateTable } from '../store/store.ts';
import { backOffMs } from '../sync/back-off.ts';
import type { AlarmOutput } from './alarm-output.ts';

const MAX_WAITING = 256;
const KEEP_TRYING_MS = 24 * 3_600_000;
const RETRY_MS = { first: 1000, max: 60_000 };

export interface DeliveryQueueDeps {
  readonly output: AlarmOutput;
  readonly states: Pick<StateTable, 'get' | 'set'>;
  /** Of the states. */
  readonly key: string;
  /** Of attempts. Default: from 1 s to a minute. */
  readonly retryMs?: { readonly first: number; readonly max: number };
  readonly clock: Pick<Clock, 'monotonicUs'>;
  readonly counters: Counters;
  readonly log: Logger;
}

interface Waiting {
  readonly message: AlarmMessage;
  readonly sinceMs: number;
}

export class DeliveryQueue {
  readonly #deps: DeliveryQueueDeps;
  readonly #waiting: Waiting[] = [];
  readonly #stopped = new AbortController();
  #failingSinceMs: number | undefined;
  #attempt = 0;
  #busy = false;
  #retry: NodeJS.Timeout | undefined;

  constructor(deps: DeliveryQueueDeps) {
    this.#deps = deps;
    const kept = z.array(alarmMessageSchema).max(MAX_WAITING).safeParse(deps.states.get(deps.key));
    const sinceMs = this.#nowMs();
    for (const message of kept.data ?? []) this.#waiting.push({ message, sinceMs });
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  /** Monotonic, ms; undefined while deliveries succeed. */
  get failingSinceMs(): number | undefined {
    return this.#failingSinceMs;
  }

  start(): void {
    this.#deps.output.start({
      up: () => {
        this.#works();
        this.#tryNow();
      },
      down: (error) => this.#fails(error),
    });
    this.#tryNow();
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    clearTimeout(this.#retry);
    await this.#deps.output.stop();
  }

  push(message: AlarmMessage): void {
    this.#waiting.push({ message, sinceMs: this.#nowMs() });
    // The first is on its way perhaps; the newest tells what is true now.
    if (this.#waiting.length > MAX_WAITING) this.#lose(1, 'the queue is full');
    this.#keep();
    // Otherwise it waits for its turn with the others.
    if (this.#retry === undefined) this.#tryNow();
  }

  #tryNow(): void {
    clearTimeout(this.#retry);
    this.#retry = undefined;
    if (!this.#busy && !this.#stopped.signal.aborted) void this.#deliver();
  }

  async #deliver(): Promise<void> {
    const { output, counters } = this.#deps;
    this.#busy = true;
    try {
      for (let next = this.#waiting[0]; next; next = this.#waiting[0]) {
        await output.deliver(next.message, this.#stopped.signal);
        counters.add('alarms.delivered');
        this.#done();
      }
    } catch (error) {
      this.#failed(error);
    } finally {
      this.#busy = false;
    }
  }

  #done(): void {
    this.#waiting.shift();
    this.#works();
    this.#keep();
  }

  #works(): void {
    this.#attempt = 0;
    if (this.#failingSinceMs === undefined) return;
    this.#failingSinceMs = undefined;
    this.#deps.log.info({ event: 'alarm-output-back', target: this.#deps.output.target });
  }

  #fails(error: unknown): void {
    const { counters, log, output } = this.#deps;
    const code = codeOf(error);
    counters.add(code);
    if (this.#failingSinceMs !== undefined) return;
    this.#failingSinceMs = this.#nowMs();
    log.warn({ event: 'alarm-output-failing', code, target: output.target, err: error });
  }

  #failed(error: unknown): void {
    if (this.#stopped.signal.aborted) return;
    this.#fails(error);
    const { retryMs = RETRY_MS } = this.#deps;
    const first = this.#waiting[0];
    if (codeOf(error) === 'ALARM_REFUSED') this.#lose(0, 'it was refused');
    else if (first && this.#nowMs() - first.sinceMs > KEEP_TRYING_MS)
      this.#lose(0, 'a day of attempts is over');
    const waitMs = backOffMs(this.#attempt, retryMs.first, retryMs.max);
    this.#attempt += 1;
    this.#retry = setTimeout(() => this.#tryNow(), waitMs);
  }

  #lose(at: number, why: string): void {
    const [lost] = this.#waiting.splice(at, 1);
    const { counters, log, output } = this.#deps;
    counters.add('ALARM_DROPPED');
    log.error({ event: 'alarm-dropped', target: output.target, ...lost?.message }, why);
    this.#keep();
  }

  #keep(): void {
    const { states, key, counters } = this.#deps;
    try {
      states.set(
        key,
        this.#waiting.map(({ message }) => message),
      );
    } catch (error) {
      // It still goes out; only a restart now would forget it.
      counters.add(codeOf(error));
    }
  }

  #nowMs(): number {
    return this.#deps.clock.monotonicUs() / 1000;
  }
}
