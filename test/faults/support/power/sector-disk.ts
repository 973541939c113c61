/**
 * A disk that keeps no promise it did not make, fed with the steps of a run in one flat folder. What was not synced when the
 * power goes is there, or is not, each write by itself and in no order, and of one write any of its sectors. A name is safe once
 * its folder was synced. What a write does not touch stays (SQLite's "powersafe overwrite", which it assumes too).
 */
import type { Random } from '../../../../agent/sources/random.ts';
import type { DiskStep } from './disk-log.ts';

/** What happens to all that is not safe. */
export const FATES = ['lost', 'kept', 'each by itself', 'torn at 512 bytes', 'torn at 4,096 bytes'] as const;
export type Fate = (typeof FATES)[number];

type Change =
  | { readonly kind: 'write'; readonly at: number; readonly bytes: Buffer }
  | { readonly kind: 'resize'; readonly sizeBytes: number };

interface File {
  readonly content: Content;
  unsafe: Change[];
}

/** One change of names; null: the name goes. */
type Names = ReadonlyMap<string, File | null>;

const FOLDER = '';

export class SectorDisk {
  readonly #names = new Map<string, File>();
  readonly #safeNames = new Map<string, File>();
  #unsafeNames: Names[] = [];
  /** What each sync under way makes safe. */
  readonly #syncing = new Map<number, () => void>();

  take(step: DiskStep): void {
    switch (step.op) {
      case 'create':
        this.#rename(new Map([[step.path, { content: new Content(), unsafe: [] }]]));
        return;
      case 'remove':
        this.#rename(new Map([[step.path, null]]));
        return;
      case 'rename':
        this.#rename(
          new Map([
            [step.path, null],
            [step.to, this.#file(step.path)],
          ]),
        );
        return;
      case 'write':
        this.#file(step.path).unsafe.push({ kind: 'write', at: step.at, bytes: step.bytes });
        return;
      case 'resize':
        this.#file(step.path).unsafe.push({ kind: 'resize', sizeBytes: step.sizeBytes });
        return;
      case 'sync-begins':
        this.#syncing.set(
          step.sync,
          step.path === FOLDER ? this.#namesSync() : fileSync(this.#file(step.path)),
        );
        return;
      case 'sync':
        this.#syncing.get(step.sync)?.();
    }
  }

  /** How many changes a cut may undo now. */
  get unsafe(): number {
    const files = new Set(this.#names.values());
    return [...files].reduce((sum, { unsafe }) => sum + unsafe.length, this.#unsafeNames.length);
  }

  /** The files after a power cut now. */
  afterCut(fate: Fate, random: Random): Map<string, Buffer> {
    const stays = () => (fate === 'lost' ? false : fate === 'kept' ? true : random.uniform() < 0.5);
    const names = new Map(this.#safeNames);
    for (const change of this.#unsafeNames) if (stays()) apply(names, change);
    const images = new Map<string, Buffer>();
    for (const [name, { content, unsafe }] of names) {
      const copy = content.copy();
      const sectorBytes =
        fate === 'torn at 512 bytes' ? 512 : fate === 'torn at 4,096 bytes' ? 4096 : undefined;
      for (const change of unsafe) {
        if (change.kind === 'write' && sectorBytes !== undefined)
          tear(copy, change.at, change.bytes, sectorBytes, stays);
        else if (stays()) copy.apply(change);
      }
      images.set(name, copy.bytes());
    }
    return images;
  }

  #file(path: string): File {
    const file = this.#names.get(path);
    if (!file) throw new Error(`no file "${path}"`);
    return file;
  }

  #rename(change: Names): void {
    apply(this.#names, change);
    this.#unsafeNames.push(change);
  }

  #namesSync(): () => void {
    const covered = new Set(this.#unsafeNames);
    return () => {
      for (const change of this.#unsafeNames) if (covered.has(change)) apply(this.#safeNames, change);
      this.#unsafeNames = this.#unsafeNames.filter((change) => !covered.has(change));
    };
  }
}

/** Covers what was written before it began. */
function fileSync(file: File): () => void {
  const covered = new Set(file.unsafe);
  return () => {
    for (const change of file.unsafe) if (covered.has(change)) file.content.apply(change);
    file.unsafe = file.unsafe.filter((change) => !covered.has(change));
  };
}

/** Bytes that grow, with nothing but zeros where nothing was written. */
class Content {
  #bytes: Buffer;
  #size: number;

  constructor(bytes = Buffer.alloc(0)) {
    this.#bytes = bytes;
    this.#size = bytes.length;
  }

  apply(change: Change): void {
    if (change.kind === 'write') this.write(change.at, change.bytes);
    else this.#resize(change.sizeBytes);
  }

  write(at: number, bytes: Buffer): void {
    if (at + bytes.length > this.#size) this.#resize(at + bytes.length);
    bytes.copy(this.#bytes, at);
  }

  copy(): Content {
    return new Content(Buffer.from(this.bytes()));
  }

  bytes(): Buffer {
    return this.#bytes.subarray(0, this.#size);
  }

  #resize(size: number): void {
    if (size > this.#bytes.length) {
      const larger = Buffer.alloc(2 * size);
      this.bytes().copy(larger);
      this.#bytes = larger;
    } else if (size < this.#size) this.#bytes.fill(0, size, this.#size);
    this.#size = size;
  }
}

function tear(content: Content, at: number, bytes: Buffer, sectorBytes: number, stays: () => boolean): void {
  for (let from = 0; from < bytes.length; ) {
    const to = Math.min(bytes.length, from + sectorBytes - ((at + from) % sectorBytes));
    if (stays()) content.write(at + from, bytes.subarray(from, to));
    from = to;
  }
}

function apply(names: Map<string, File>, change: Names): void {
  for (const [name, file] of change) {
    if (file) names.set(name, file);
    else names.delete(name);
  }
}
