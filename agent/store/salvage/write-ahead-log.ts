/**
 * Reads a write-ahead log as SQLite wrote it, to find what SQLite passes over in silence: it ends at the first frame
 * whose checksum is wrong, and everything committed after that is gone. Format: https://sqlite.org/fileformat2.html#walformat
 */
import { closeSync, existsSync, fsyncSync, openSync, readFileSync, writeSync } from 'node:fs';
import { endianness } from 'node:os';

const HEADER_BYTES = 32;
const FRAME_HEADER_BYTES = 24;
const MAGIC = 0x377f0682;

interface Frame {
  readonly page: number;
  /** Pages of the database after this transaction; 0 where the frame is not its last. */
  readonly commitPages: number;
  readonly sound: boolean;
  readonly data: Buffer;
}

type Sums = readonly [number, number];

export interface LogFrames {
  readonly frames: readonly Frame[];
  /**
   * True when a frame is unsound that was once on the disk: a later transaction follows, and that one began only after
   * this one was synced. Unsound frames of the last transaction are what any power cut leaves.
   */
  readonly damaged: boolean;
}

/** @returns no frames where there is no log */
export function readLogFrames(path: string): LogFrames {
  const log = existsSync(path) ? readFileSync(path) : Buffer.alloc(0);
  if (log.length < HEADER_BYTES + FRAME_HEADER_BYTES) return { frames: [], damaged: false };
  const bigEndian = (log.readUInt32BE(0) & 1) === 1;
  const pageBytes = log.readUInt32BE(8);
  const header = sumsOf(log.subarray(0, 24), [0, 0], bigEndian);
  const headerSound =
    (log.readUInt32BE(0) & ~1) >>> 0 === MAGIC && isSame(header, sumsAt(log, 24)) && isPageSize(pageBytes);
  if (!headerSound) return { frames: [], damaged: hasCommit(log) };
  const frames = framesOf(log, pageBytes, bigEndian);
  return { frames, damaged: isDamaged(frames) };
}

/**
 * Puts the sound frames of all whole transactions into the database file, as a checkpoint would. A page whose frame is
 * unsound keeps its older content.
 */
export function foldFrames(path: string, { frames }: LogFrames): void {
  const whole = frames.slice(0, frames.findLastIndex(({ commitPages }) => commitPages > 0) + 1);
  const newest = new Map<number, Buffer>();
  for (const { page, sound, data } of whole) if (sound) newest.set(page, data);
  const fd = openSync(path, 'r+');
  try {
    for (const [page, data] of newest) writeSync(fd, data, 0, data.length, (page - 1) * data.length);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

/** Frames of the log's newest generation; older ones carry other salts. */
function framesOf(log: Buffer, pageBytes: number, bigEndian: boolean): Frame[] {
  const frameBytes = FRAME_HEADER_BYTES + pageBytes;
  const salts = sumsAt(log, 16);
  const frames: Frame[] = [];
  let lastOwn = 0;
  let before = sumsAt(log, 24);
  for (let at = HEADER_BYTES; at + frameBytes <= log.length; at += frameBytes) {
    const data = log.subarray(at + FRAME_HEADER_BYTES, at + frameBytes);
    const said = sumsAt(log, at + 16);
    const isOwn = isSame(salts, sumsAt(log, at + 8));
    const sums = sumsOf(data, sumsOf(log.subarray(at, at + 8), before, bigEndian), bigEndian);
    const sound = isOwn && isSame(sums, said);
    frames.push({
      page: log.readUInt32BE(at),
      commitPages: isOwn ? log.readUInt32BE(at + 4) : 0,
      sound,
      data,
    });
    if (isOwn) lastOwn = frames.length;
    // The next frame's checksum goes on from what this one's should be, so one bad frame does not make all after it bad.
    before = said;
  }
  return frames.slice(0, lastOwn);
}

function isDamaged(frames: readonly Frame[]): boolean {
  const bad = frames.findIndex(({ sound }) => !sound);
  if (bad === -1) return false;
  const end = frames.findIndex(({ commitPages }, i) => i >= bad && commitPages > 0);
  return end !== -1 && frames.slice(end + 1).some(({ sound, commitPages }) => sound && commitPages > 0);
}

/** The log's own header is unreadable: were there transactions behind it? */
function hasCommit(log: Buffer): boolean {
  return log.length > HEADER_BYTES + FRAME_HEADER_BYTES && log.readUInt32BE(HEADER_BYTES) > 0;
}

function isPageSize(bytes: number): boolean {
  return bytes >= 512 && bytes <= 65_536 && (bytes & (bytes - 1)) === 0;
}

function sumsAt(bytes: Buffer, at: number): Sums {
  return [bytes.readUInt32BE(at), bytes.readUInt32BE(at + 4)];
}

function isSame(a: Sums, b: Sums): boolean {
  return a[0] === b[0] && a[1] === b[1];
}

/** The running checksum of the format: two sums over pairs of 32-bit words. */
function sumsOf(bytes: Buffer, [first, second]: Sums, bigEndian: boolean): Sums {
  const words = wordsOf(bytes, bigEndian);
  let [a, b] = [first, second];
  for (let i = 0; i < words.length; i += 2) {
    a = (a + (words[i] as number) + b) >>> 0;
    b = (b + (words[i + 1] as number) + a) >>> 0;
  }
  return [a, b];
}

/** Without a copy where the log was written as this machine counts: each start after a kill reads all of it. */
function wordsOf(bytes: Buffer, bigEndian: boolean): Uint32Array {
  const isNative = bigEndian === (endianness() === 'BE');
  const aligned = isNative && bytes.byteOffset % 4 === 0 ? bytes : Buffer.from(new Uint8Array(bytes).buffer);
  if (!isNative) aligned.swap32();
  return new Uint32Array(aligned.buffer, aligned.byteOffset, aligned.length / 4);
}
