import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type TextBlock, textBlocks } from '../../../cli/batch/text-blocks.ts';

let folder = '';
let path = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'andon-blocks-'));
  path = join(folder, 'in.csv');
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function blocksOf(text: string, from = 0, delimiter: string | null = ','): Promise<TextBlock[]> {
  writeFileSync(path, text);
  const blocks: TextBlock[] = [];
  for await (const block of textBlocks(path, from, delimiter)) blocks.push(block);
  return blocks;
}

const textOf = (blocks: readonly TextBlock[]) => blocks.map(({ bytes }) => String(bytes ?? '')).join('');
const MANY = 100_000;

describe('the blocks of a text file', () => {
  it('are all of the file, and end with whole lines', async () => {
    const text = Array.from({ length: MANY }, (_, i) => `row ${i},${i * 7}`).join('\n');
    const blocks = await blocksOf(text);
    expect(blocks.length).toBeGreaterThan(2);
    expect(textOf(blocks)).toBe(text);
    for (const { bytes } of blocks.slice(0, -1)) expect(bytes?.at(-1)).toBe(0x0a);
  });

  it('are the same when they are read from the end of any of them', async () => {
    const text = Array.from({ length: MANY }, (_, i) => `row ${i},"a ${i}\n b"`).join('\n');
    const blocks = await blocksOf(text);
    for (const [i, { endsAt }] of blocks.entries()) {
      const rest = await blocksOf(text, endsAt);
      expect(rest.map((block) => block.endsAt)).toEqual(blocks.slice(i + 1).map((block) => block.endsAt));
    }
  });

  it('never end inside of a quoted cell', async () => {
    const record = `P,"${'line\n'.repeat(40)}end ""of"" it",1\n`;
    const blocks = await blocksOf(record.repeat(20_000));
    expect(blocks.length).toBeGreaterThan(2);
    for (const { bytes } of blocks) expect((bytes?.length ?? 0) % record.length).toBe(0);
  });

  it('go on past a quote that is never closed', async () => {
    const text = `P,"open\n${'P,1,2\n'.repeat(MANY * 3)}`;
    const blocks = await blocksOf(text);
    expect(textOf(blocks)).toBe(text);
    for (const { bytes } of blocks) expect(bytes?.length).toBeLessThan(2 * 1024 * 1024);
  });

  it('hold no line that is too long, but tell its length', async () => {
    const long = 'x'.repeat(3 * 1024 * 1024);
    const blocks = await blocksOf(`a,b\n${long}\nc,d\n`);
    expect(blocks.map(({ bytes, tooLongBytes }) => [bytes && String(bytes), tooLongBytes])).toEqual([
      ['a,b\n', 0],
      [null, long.length],
      ['c,d\n', 0],
    ]);
  });

  it('are none of an empty file', async () => {
    expect(await blocksOf('')).toEqual([]);
  });
});
