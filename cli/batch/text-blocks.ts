/**
 * Cuts a text file into blocks of whole records, in bounded memory. Where it cuts depends on the bytes of the file alone, so
 * that a run that starts again in the middle makes the same blocks.
 */
import { type FileHandle, open } from 'node:fs/promises';
import { MAX_ROW_BYTES } from './plan.ts';

const NEWLINE = 0x0a;
const QUOTE = 0x22;
const SPACE = 0x20;

const BLOCK_BYTES = 512 * 1024;
/** A quote that is open for longer never closes: the agent's reader gives up there too. */
const MAX_RECORD_LINES = 100;

export interface TextBlock {
  /** Where the next block begins in the file. */
  readonly endsAt: number;
  /** Whole records; null for a line that is too long to be held. */
  readonly bytes: Buffer<ArrayBuffer> | null;
  readonly tooLongBytes: number;
}

/** @param delimiter of cells, for quotes that hold line ends; null where a line is a record */
export async function* textBlocks(
  path: string,
  from: number,
  delimiter: string | null,
): AsyncGenerator<TextBlock> {
  const file = await open(path);
  try {
    let at = from;
    for (;;) {
      let bytes = await read(file, at, BLOCK_BYTES);
      if (bytes.length === 0) return;
      let length = bytes.length < BLOCK_BYTES ? bytes.length : cutOf(bytes, delimiter);
      if (length === 0) {
        // One record is longer than a block, or a quote is not closed: up to the next line end, whatever it is.
        bytes = await read(file, at, BLOCK_BYTES + MAX_ROW_BYTES);
        length = bytes.indexOf(NEWLINE) + 1 || (bytes.length <= MAX_ROW_BYTES ? bytes.length : 0);
      }
      if (length > 0) {
        at += length;
        yield { endsAt: at, bytes: bytes.subarray(0, length), tooLongBytes: 0 };
        continue;
      }
      const end = await endOfLine(file, at);
      const tooLongBytes = end - at;
      at = end + 1;
      yield { endsAt: at, bytes: null, tooLongBytes };
    }
  } finally {
    await file.close();
  }
}

/** @returns how many bytes make whole records; 0 when not one ends in `bytes` */
function cutOf(bytes: Buffer, delimiter: string | null): number {
  // The usual file has no quotes: then every line end will do.
  if (delimiter === null || !bytes.includes(QUOTE)) return bytes.lastIndexOf(NEWLINE) + 1;
  return lastClosedLine(bytes, delimiter);
}

/** @returns the end of the last line after which no quoted cell is open */
function lastClosedLine(bytes: Buffer, delimiter: string): number {
  const separator = delimiter.charCodeAt(0);
  let quoted = false;
  let atCellStart = true;
  let openLines = 0;
  let cut = 0;
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i];
    if (byte === NEWLINE) {
      openLines = quoted ? openLines + 1 : 0;
      if (openLines > MAX_RECORD_LINES) quoted = false;
      if (quoted) continue;
      atCellStart = true;
      cut = i + 1;
    } else if (quoted) {
      if (byte !== QUOTE) continue;
      if (bytes[i + 1] === QUOTE) i += 1;
      else quoted = false;
    } else if (byte === QUOTE && atCellStart) {
      quoted = true;
      atCellStart = false;
    } else atCellStart = byte === separator || (atCellStart && byte === SPACE);
  }
  return cut;
}

async function endOfLine(file: FileHandle, from: number): Promise<number> {
  for (let at = from; ; ) {
    const bytes = await read(file, at, BLOCK_BYTES);
    const newline = bytes.indexOf(NEWLINE);
    if (newline >= 0) return at + newline;
    at += bytes.length;
    if (bytes.length < BLOCK_BYTES) return at;
  }
}

/** As many bytes as there are: a short read that is not the file's end is gone on with. */
async function read(file: FileHandle, at: number, length: number): Promise<Buffer<ArrayBuffer>> {
  const buffer = Buffer.allocUnsafeSlow(length);
  let filled = 0;
  while (filled < length) {
    const { bytesRead } = await file.read(buffer, filled, length - filled, at + filled);
    if (bytesRead === 0) break;
    filled += bytesRead;
  }
  return buffer.subarray(0, filled);
}
