/** A caller's request on its way through a lane: its rows stay together, and it is answered or refused once. */
import type { Ask, Asked } from './ask.ts';

export class LaneRequest {
  readonly rows: number;
  readonly acceptedUs: number;
  /** Monotonic; when it is over the request is not run any more. */
  readonly deadlineUs: number;
  /** By which it is decided who answers it. */
  readonly key: string;
  readonly extraOutputs: readonly string[];
  readonly alone: boolean;
  /** Requests with the same key can share a run; a sample's is empty. */
  readonly batchKey: string;
  /** @throws CodedError what `refuse` was given */
  readonly answered: Promise<Asked>;
  /** When its batch was made. */
  startedUs = 0;
  #settled = false;
  #resolve: (asked: Asked) => void = () => undefined;
  #reject: (error: unknown) => void = () => undefined;

  /** @param number of its first item in the lane */
  constructor(ask: Ask, acceptedUs: number, number: number) {
    this.rows = ask.rows;
    this.acceptedUs = acceptedUs;
    this.deadlineUs = ask.timeoutUs ? acceptedUs + ask.timeoutUs : Number.POSITIVE_INFINITY;
    this.key = ask.correlationIds?.[0] ?? `#${number}`;
    this.extraOutputs = ask.extraOutputs ?? [];
    this.alone = ask.alone ?? false;
    this.batchKey = this.alone ? 'alone' : this.extraOutputs.map((name) => JSON.stringify(name)).join();
    this.answered = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  get settled(): boolean {
    return this.#settled;
  }

  answer(asked: Asked): void {
    this.#settled = true;
    this.#resolve(asked);
  }

  refuse(error: unknown): void {
    this.#settled = true;
    this.#reject(error);
  }
}

/** The requests among these items, each once. */
export function requestsOf(items: readonly { readonly request: LaneRequest | null }[]): Set<LaneRequest> {
  const requests = new Set<LaneRequest>();
  for (const { request } of items) if (request) requests.add(request);
  return requests;
}
