/** Takes every message that devices send: dispatches by topic, stores first, answers after, and keeps what it refuses. */
import type { Logger } from 'pino';
import type { Counters } from '../../daemon/counters.ts';
import { CodedError } from '../../protocol/errors.ts';
import { parseUpTopic, type UpTopic } from '../../protocol/topics.ts';
import type { Clock } from '../clock.ts';
import type { InboundMessage } from '../mqtt-link.ts';
import type { ServerStore } from '../store/server-store.ts';
import { type BatchHandlerDeps, batchHandler } from './batch-handler.ts';
import { type DeviceHandlerDeps, deviceHandlers } from './device-handlers.ts';
import { GroupCommit } from './group-commit.ts';
import type { Delivery } from './message-handler.ts';

export interface IngestDeps
  extends Pick<BatchHandlerDeps, 'acknowledge'>,
    Pick<DeviceHandlerDeps, 'onBirth' | 'onReported' | 'onWant'> {
  readonly store: ServerStore;
  readonly clock: Clock;
  readonly counters: Counters;
  readonly log: Logger;
}

interface Received {
  readonly message: InboundMessage;
  readonly timeMs: number;
  readonly to: UpTopic;
}

export class Ingest {
  readonly #deps: IngestDeps;
  readonly #group: GroupCommit<Received>;
  readonly #dispatch: (to: UpTopic, delivery: Delivery) => (() => void) | undefined;
  #stopped = false;

  constructor(deps: IngestDeps) {
    this.#deps = deps;
    const { store, counters, log } = deps;
    const onBatch = batchHandler(deps);
    const handlers = deviceHandlers(deps);
    this.#dispatch = (to, delivery) =>
      to.kind === 'up' ? onBatch({ ...delivery, stream: to.stream }) : handlers[to.kind](delivery);
    const transaction = (work: () => void) => store.transaction(work);
    const take = (received: Received) => this.#take(received);
    this.#group = new GroupCommit<Received>({ transaction, take, counters, log });
  }

  receive(message: InboundMessage): void {
    if (this.#stopped) return;
    const to = parseUpTopic(message.topic);
    if (!to) {
      this.#deps.counters.add('TOPIC_UNKNOWN');
      return;
    }
    // An empty retained message only clears what the broker kept.
    if (message.payload.length === 0 && to.kind !== 'up') return;
    this.#group.add({ message, timeMs: this.#deps.clock.wallMs(), to }, message.payload.length);
  }

  /** Commits and answers what waits, now. */
  flush(): void {
    this.#group.flush();
  }

  /** Commits and answers what waits; what comes later is left to be sent again. */
  stop(): void {
    this.#stopped = true;
    this.#group.flush();
  }

  #take({ message, timeMs, to }: Received): (() => void) | undefined {
    try {
      return this.#dispatch(to, { ...message, device: to.device, timeMs });
    } catch (error) {
      // A refused message is kept and counted; anything else is the store failing, and undoes the group.
      if (!(error instanceof CodedError)) throw error;
      const { topic, payload } = message;
      const reason = error.hint === undefined ? error.message : `${error.message}. ${error.hint}`;
      this.#deps.counters.add(error.code);
      this.#deps.store.deadLetters.add({ timeMs, topic, code: error.code, reason, payload });
      return undefined;
    }
  }
}
