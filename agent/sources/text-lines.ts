/** Reads a text file line by line in bounded memory: a line that is too long is skipped, not kept. */
import { createReadStream } from 'node:fs';

/** A line without its line end, or how long a line was that exceeded the limit. */
export type Line = string | { readonly tooLongBytes: number };

const CHUNK_BYTES = 128 * 1024;
const NEWLINE = 0x0a;
const CARRIAGE_RETURN = 0x0d;

/**
 * Yields the lines of each chunk read. Holds at most one chunk and `maxBytes`. UTF-8, with or without a byte order mark.
 * @throws the file system's error
 */
export async function* readLines(
  path: string,
  maxBytes: number,
  signal?: AbortSignal,
): AsyncGenerator<readonly Line[]> {
  const stream = createReadStream(path, { highWaterMark: CHUNK_BYTES, ...(signal && { signal }) });
  const splitter = new LineSplitter(maxBytes);
  for await (const chunk of stream) yield splitter.take(chunk as Buffer);
  yield splitter.end();
}

export class LineSplitter {
  readonly #maxBytes: number;
  /** The beginning of a line whose end has not come, unless it is already too long. */
  #held: Buffer[] = [];
  #heldBytes = 0;
  #atFileStart = true;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  take(chunk: Buffer): Line[] {
    const lines: Line[] = [];
    let from = 0;
    for (let end = chunk.indexOf(NEWLINE); end !== -1; end = chunk.indexOf(NEWLINE, from)) {
      this.#hold(chunk.subarray(from, end));
      lines.push(this.#release());
      from = end + 1;
    }
    this.#hold(chunk.subarray(from));
    return lines;
  }

  /** The last line, where the file does not end with a line end. */
  end(): Line[] {
    return this.#heldBytes > 0 ? [this.#release()] : [];
  }

  #hold(bytes: Buffer): void {
    this.#heldBytes += bytes.length;
    if (this.#heldBytes <= this.#maxBytes) this.#held.push(bytes);
    else this.#held = [];
  }

  #release(): Line {
    const tooLongBytes = this.#heldBytes;
    const bytes = this.#held.length === 1 ? this.#held[0] : Buffer.concat(this.#held);
    this.#held = [];
    this.#heldBytes = 0;
    const first = this.#atFileStart;
    this.#atFileStart = false;
    if (tooLongBytes > this.#maxBytes || !bytes) return { tooLongBytes };
    const text = bytes.toString('utf8', 0, bytes.length - (bytes.at(-1) === CARRIAGE_RETURN ? 1 : 0));
    return first ? text.replace(/^\uFEFF/, '') : text;
  }
}
