/** A folder of pictures as blocks of some files, in the order of their names. */
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';

const BLOCK_FILES = 32;
const PICTURE = /\.(jpe?g|png|webp|tiff?)$/i;

export interface ImageBlock {
  readonly names: readonly string[];
  /** Files of the folder up to and with this block. */
  readonly endsAt: number;
}

/** Names of the pictures that stand in the folder itself. */
export function imageNames(folder: string): string[] {
  return readdirSync(folder)
    .filter((name) => PICTURE.test(name) && !name.startsWith('.'))
    .sort();
}

export async function* imageBlocks(names: readonly string[], from: number): AsyncGenerator<ImageBlock> {
  for (let at = from; at < names.length; at += BLOCK_FILES) {
    const block = names.slice(at, at + BLOCK_FILES);
    yield { names: block, endsAt: at + block.length };
  }
}

/** What tells this folder from another, or from itself at another time. */
export function imageFacts(folder: string): string {
  return imageNames(folder)
    .map((name) => {
      const { size, mtimeMs } = statSync(join(folder, name));
      return `${name} ${size} ${mtimeMs}`;
    })
    .join('\n');
}
