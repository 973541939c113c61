/**
 * Messages between the agent and its engine as bytes: a JSON head, and behind it the message's typed arrays as they lie in
 * memory, so that a batch is neither cloned nor parsed (docs/adr/0009-raw-frames-to-the-engine.md).
 *
 *   u32 length of all that follows this prefix | u32 length of the head | head | padding to 8 | array | padding to 8 | ...
 *
 * Numbers are little-endian, arrays in the order of this machine: both ends are on it.
 */
const PREFIX_BYTES = 8;
const ALIGN = 8;
/** No batch is this large: it is what a process says whose memory is broken. */
const MAX_FRAME_BYTES = 2 ** 30;

const ARRAY_TYPES = {
  Float32Array,
  Float64Array,
  Int8Array,
  Uint8Array,
  Int16Array,
  Uint16Array,
  Int32Array,
  Uint32Array,
  BigInt64Array,
  BigUint64Array,
};

/** Stands in the head for an array; `at` counts from the first array's first byte. */
interface Placeholder {
  readonly $array: keyof typeof ARRAY_TYPES;
  readonly at: number;
  readonly length: number;
}

/** Of one message, in order, and their bytes with the padding. */
interface Arrays {
  readonly list: ArrayBufferView[];
  bytes: number;
}

/** A message as one piece of bytes: its arrays may be used again at once. @throws RangeError when it is too large */
export function frameOf(message: object): Buffer {
  const arrays: Arrays = { list: [], bytes: 0 };
  const head = JSON.stringify(withoutArrays(message, arrays));
  const headBytes = Buffer.byteLength(head);
  const length = padded(headBytes) + arrays.bytes;
  if (length > MAX_FRAME_BYTES) throw new RangeError(`a message of ${length} bytes is too large`);
  // One piece: for all but the largest batches the copy costs less than a write of many pieces.
  const frame = Buffer.allocUnsafe(PREFIX_BYTES + length);
  frame.writeUInt32LE(length, 0);
  frame.writeUInt32LE(headBytes, 4);
  frame.write(head, PREFIX_BYTES);
  let at = PREFIX_BYTES + padded(headBytes);
  for (const { buffer, byteOffset, byteLength } of arrays.list) {
    frame.set(new Uint8Array(buffer, byteOffset, byteLength), at);
    at += padded(byteLength);
  }
  return frame;
}

/** Puts messages together from chunks of any size. Each has memory of its own, which its arrays look into. */
export class FrameReader {
  readonly #onMessage: (message: unknown) => void;
  readonly #prefix = Buffer.alloc(PREFIX_BYTES);
  #frame: Buffer | undefined;
  /** Bytes that are there of the prefix, or of the frame once it is known. */
  #filled = 0;

  constructor(onMessage: (message: unknown) => void) {
    this.#onMessage = onMessage;
  }

  /** The chunk may be used again afterwards. @throws RangeError, SyntaxError for what is no frame */
  push(chunk: Uint8Array): void {
    for (let at = 0; at < chunk.length; ) {
      const target = this.#frame ?? this.#prefix;
      const taken = Math.min(target.length - this.#filled, chunk.length - at);
      target.set(chunk.subarray(at, at + taken), this.#filled);
      at += taken;
      this.#filled += taken;
      if (this.#filled < target.length) return;
      this.#filled = 0;
      this.#frame = this.#frame ? this.#finish(this.#frame) : this.#begin();
    }
  }

  #begin(): Buffer {
    const length = this.#prefix.readUInt32LE(0);
    if (length === 0 || length > MAX_FRAME_BYTES) throw new RangeError(`a frame of ${length} bytes`);
    // Not from the pool of small buffers: arrays need their alignment.
    return Buffer.allocUnsafeSlow(length);
  }

  #finish(frame: Buffer): undefined {
    const headBytes = this.#prefix.readUInt32LE(4);
    const head: unknown = JSON.parse(frame.toString('utf8', 0, headBytes));
    this.#onMessage(withArrays(head, frame.buffer as ArrayBuffer, padded(headBytes)));
  }
}

/** A copy with placeholders; the arrays themselves go to `arrays`. */
function withoutArrays(value: unknown, arrays: Arrays): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (ArrayBuffer.isView(value)) {
    const at = arrays.bytes;
    arrays.list.push(value);
    arrays.bytes += padded(value.byteLength);
    // A Buffer is one of bytes too, and the other side has only its kind to go by.
    return {
      $array: value instanceof Uint8Array ? 'Uint8Array' : value.constructor.name,
      at,
      length: (value as Uint8Array).length,
    };
  }
  if (Array.isArray(value)) return value.map((each) => withoutArrays(each, arrays));
  const copy: Record<string, unknown> = {};
  for (const key in value) copy[key] = withoutArrays((value as Record<string, unknown>)[key], arrays);
  return copy;
}

/** The same message with arrays in place of its placeholders; they look into `memory`, the first at `startsAt`. */
function withArrays(value: unknown, memory: ArrayBuffer, startsAt: number): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if ('$array' in value) {
    const { $array, at, length } = value as Placeholder;
    return new ARRAY_TYPES[$array](memory, startsAt + at, length);
  }
  const parent = value as Record<string, unknown>;
  for (const key in parent) {
    const child = parent[key];
    if (typeof child === 'object') parent[key] = withArrays(child, memory, startsAt);
  }
  return value;
}

function padded(bytes: number): number {
  return Math.ceil(bytes / ALIGN) * ALIGN;
}
