/** Which of the chunks that devices ask for are sent: none that are coming anyway, and none twice for many who ask at once. */

/** Asked for again within this time by anyone, a chunk is not sent again: every subscriber got the first answer. */
const ANSWER_AGAIN_AFTER_MS = 500;
/** Questions kept in mind; beyond them all are forgotten, and each device has to ask once more. */
const MAX_QUESTIONS = 65_536;

export class AskedChunks {
  readonly #answeredAtMs = new Map<string, number>();
  /** `<device> <chunk>` of those that the broker holds. */
  readonly #asked = new Set<string>();
  /** A device asked a second time for what the broker should have handed out: it keeps no retained messages. */
  #brokerForgets = false;

  /** A new connection, maybe to another broker. */
  connected(): void {
    this.#asked.clear();
    this.#brokerForgets = false;
  }

  /**
   * @param isHeld whether the broker was given it to hand out. A broker may be slow, so the first question counts for nothing
   * @returns what to send now; counts as sent
   */
  due(device: string, wanted: Iterable<string>, isHeld: (chunk: string) => boolean, nowMs: number): string[] {
    for (const [chunk, atMs] of this.#answeredAtMs) {
      if (nowMs - atMs >= ANSWER_AGAIN_AFTER_MS) this.#answeredAtMs.delete(chunk);
    }
    const due = [...new Set(wanted)].filter(
      (chunk) => !this.#answeredAtMs.has(chunk) && (!isHeld(chunk) || this.#isMissed(device, chunk)),
    );
    for (const chunk of due) this.#answeredAtMs.set(chunk, nowMs);
    return due;
  }

  #isMissed(device: string, chunk: string): boolean {
    const question = `${device} ${chunk}`;
    if (this.#asked.has(question)) this.#brokerForgets = true;
    if (this.#asked.size >= MAX_QUESTIONS) this.#asked.clear();
    this.#asked.add(question);
    return this.#brokerForgets;
  }
}
