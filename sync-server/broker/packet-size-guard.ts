/** Watches a client's byte stream for the length of each MQTT packet (MQTT 3.1.1, 2.2.3), so that no one fills our memory. */

export class PacketSizeGuard {
  readonly #maxBytes: number;
  /** Bytes of the current packet's body still to come; undefined while its length is being read. */
  #bodyLeft: number | undefined = 0;
  #length = 0;
  #lengthBytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** @returns false when a packet in or beginning in this chunk is longer than allowed, or its length is malformed */
  accepts(chunk: Uint8Array): boolean {
    let at = 0;
    while (at < chunk.length) {
      if (this.#bodyLeft === undefined) {
        if (!this.#readLength(chunk[at] as number)) return false;
        at += 1;
      } else if (this.#bodyLeft > 0) {
        const taken = Math.min(this.#bodyLeft, chunk.length - at);
        this.#bodyLeft -= taken;
        at += taken;
      } else {
        // The packet's type; its length follows.
        this.#bodyLeft = undefined;
        this.#length = 0;
        this.#lengthBytes = 0;
        at += 1;
      }
    }
    return true;
  }

  /** Seven bits a byte, the lowest first, at most four bytes. */
  #readLength(byte: number): boolean {
    this.#length += (byte & 0x7f) * 128 ** this.#lengthBytes;
    this.#lengthBytes += 1;
    if (this.#length > this.#maxBytes) return false;
    if (byte & 0x80) return this.#lengthBytes < 4;
    this.#bodyLeft = this.#length;
    return true;
  }
}
