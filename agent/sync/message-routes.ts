/** Which handler gets which message. What a handler throws refuses the message and goes no further. */
import { LIMITS } from '../../protocol/limits.ts';
import { messageTooLarge } from './link-errors.ts';
import type { Refusals } from './refusals.ts';

export type MessageHandler = (payload: Buffer, topic: string) => void;

export class MessageRoutes {
  readonly #refusals: Refusals;
  readonly #handlers = new Map<string, Set<MessageHandler>>();

  constructor(refusals: Refusals) {
    this.#refusals = refusals;
  }

  get filters(): string[] {
    return [...this.#handlers.keys()];
  }

  /** @param topic exact */
  add(topic: string, handler: MessageHandler): void {
    const handlers = this.#handlers.get(topic) ?? new Set();
    this.#handlers.set(topic, handlers.add(handler));
  }

  /** @returns true when nobody listens to `topic` any more */
  remove(topic: string, handler: MessageHandler): boolean {
    const handlers = this.#handlers.get(topic);
    if (!handlers?.delete(handler) || handlers.size > 0) return false;
    return this.#handlers.delete(topic);
  }

  dispatch(topic: string, payload: Buffer): void {
    for (const handler of this.#handlers.get(topic) ?? []) {
      try {
        if (payload.length > LIMITS.messageBytes) throw messageTooLarge(payload.length);
        handler(payload, topic);
      } catch (error) {
        this.#refusals.refuse(error, `a message on ${topic}`);
      }
    }
  }
}
