/** A column of texts or nulls: how much each shares with the one before, and the rest. Serial numbers that count up cost little. */
import { z } from 'zod';
import { protocolError } from './errors.ts';
import { bytesSchema, decodeInts, encodeInts, intColumnSchema } from './int-column.ts';

/**
 * [characters shared with the text before, characters of its own plus one (0: null), those characters as UTF-8]; null where
 * all texts are. A character is a UTF-16 code unit.
 */
export const textColumnSchema = z.tuple([intColumnSchema, intColumnSchema, bytesSchema]).nullable();
export type TextColumn = z.infer<typeof textColumnSchema>;

export function encodeTexts(texts: readonly (string | null)[]): TextColumn {
  const shared = new Uint32Array(texts.length);
  const own = new Uint32Array(texts.length);
  const parts: string[] = [];
  let previous = '';
  for (let i = 0; i < texts.length; i++) {
    const text = texts[i];
    if (typeof text !== 'string') continue;
    const length = sharedLength(previous, text);
    shared[i] = length;
    own[i] = text.length - length + 1;
    parts.push(text.slice(length));
    previous = text;
  }
  if (parts.length === 0) return null;
  return [encodeInts(shared), encodeInts(own), Buffer.from(parts.join(''))];
}

/** @throws CodedError PAYLOAD_MALFORMED */
export function decodeTexts(column: TextColumn, count: number, maxChars: number): (string | null)[] {
  const texts = new Array<string | null>(count).fill(null);
  if (column === null) return texts;
  const shared = decodeInts(column[0], count);
  const own = decodeInts(column[1], count);
  const rest = Buffer.from(column[2].buffer, column[2].byteOffset, column[2].byteLength).toString();
  let previous = '';
  let at = 0;
  for (let i = 0; i < count; i++) {
    if (own[i] === 0) continue;
    const start = shared[i] as number;
    const length = (own[i] as number) - 1;
    const fits = start >= 0 && start <= previous.length && length >= 0 && at + length <= rest.length;
    if (!fits || start + length > maxChars) {
      throw protocolError('PAYLOAD_MALFORMED', `text ${i} of a column does not fit`);
    }
    previous = previous.slice(0, start) + rest.slice(at, at + length);
    at += length;
    texts[i] = previous;
  }
  return texts;
}

function sharedLength(a: string, b: string): number {
  const most = Math.min(a.length, b.length);
  let length = 0;
  while (length < most && a.charCodeAt(length) === b.charCodeAt(length)) length += 1;
  // Half a pair of surrogates is no character of UTF-8.
  return length > 0 && (a.charCodeAt(length - 1) & 0xfc00) === 0xd800 ? length - 1 : length;
}
