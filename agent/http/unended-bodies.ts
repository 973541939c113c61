/** Memory of bodies that have yet to end, over all requests: many half ones take no more than a few whole ones. */
import { agentError } from '../errors.ts';

/** So much of a body is always taken: nobody's large ones keep the small ones of others out. */
const SMALL_BYTES = 4096;

export class UnendedBodies {
  readonly #maxBytes: number;
  #bytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /**
   * More of a body came; `release` gives all of it back.
   * @param bodyBytes of this body so far, `bytes` among them
   * @throws CodedError QUEUE_FULL
   */
  take(bytes: number, bodyBytes: number): void {
    this.#bytes += bytes;
    if (bodyBytes > SMALL_BYTES && this.#bytes > this.#maxBytes) {
      throw agentError('QUEUE_FULL', 'too many large bodies are on their way here', {
        hint: 'Ask again later, or with fewer requests at once.',
      });
    }
  }

  release(bodyBytes: number): void {
    this.#bytes -= bodyBytes;
  }
}
