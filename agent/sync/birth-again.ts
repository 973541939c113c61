/** Says the birth again when the server asks for it: a broker may have lost the one that was said at the connect. */

import type { Counters } from '../../daemon/counters.ts';
import { type Ack, ackSchema, parseMessage } from '../../protocol/messages.ts';
import { STREAMS } from '../../protocol/records.ts';
import { topics } from '../../protocol/topics.ts';
import type { Clock } from '../clock.ts';
import type { MqttLink } from './mqtt-link.ts';

/** Many acknowledgements ask at once, and the answer to the first is on its way. */
const NOT_WITHIN_MS = 1000;

export interface BirthAgainDeps {
  readonly device: string;
  readonly storeEpoch: string;
  readonly link: Pick<MqttLink, 'subscribe' | 'sayBirth'>;
  readonly clock: Pick<Clock, 'monotonicUs'>;
  readonly counters: Counters;
}

export class BirthAgain {
  readonly #deps: BirthAgainDeps;
  #saidMs = Number.NEGATIVE_INFINITY;

  constructor(deps: BirthAgainDeps) {
    this.#deps = deps;
  }

  /** Follows the acknowledgements from now on. */
  open(): void {
    const { link, device } = this.#deps;
    for (const stream of STREAMS) {
      link.subscribe(topics.ack(device, stream), (payload) => this.#heard(ackOf(payload)));
    }
  }

  #heard(ack: Ack | undefined): void {
    const { link, storeEpoch, clock, counters } = this.#deps;
    const nowMs = clock.monotonicUs() / 1000;
    if (!ack?.wantsBirth || ack.storeEpoch !== storeEpoch || nowMs - this.#saidMs < NOT_WITHIN_MS) return;
    this.#saidMs = nowMs;
    counters.add('sync.birth-again');
    // Lost with the link: the next connect says it too.
    link.sayBirth().catch(() => undefined);
  }
}

/** What cannot be read is refused where records are acknowledged. */
function ackOf(payload: Buffer): Ack | undefined {
  try {
    return parseMessage(ackSchema, payload, 'acknowledgement');
  } catch {
    return undefined;
  }
}
