/**
 * A disk that keeps no promise it did not make, fed with the file steps of a run. A name in a folder is safe once that folder
 * was synced, the content of a file once the file was; until then a power cut may leave either, in any combination. A rename
 * is whole or not there, as on every journaling file system.
 */
import type { FileStep } from './steps.ts';

/** What a cut leaves of files whose content was not synced. */
export const TORN = ['lost', 'half', 'zeros', 'whole'] as const;
export type Torn = (typeof TORN)[number];

interface File {
  readonly kind: 'file';
  content: Buffer;
  synced: Buffer;
}
interface Folder {
  readonly kind: 'folder';
  readonly names: Map<string, Node>;
}
type Node = File | Folder;

/** One change of names; undefined: the name goes. */
interface Change {
  readonly folder: Folder;
  readonly names: ReadonlyMap<string, Node | undefined>;
}

/** path -> bytes; a folder's path ends with `/` and has none. */
export type Tree = ReadonlyMap<string, Buffer>;

const BLOCK_BYTES = 512;

export class DiskModel {
  readonly #root: Folder = { kind: 'folder', names: new Map() };
  /** The names that a folder certainly has. */
  readonly #safe = new Map<Folder, Map<string, Node>>([[this.#root, new Map()]]);
  /** Changes of names that are not safe yet, in the order in which they were made. */
  #pending: Change[] = [];
  /** What a sync under way will have made safe. */
  readonly #syncing = new Map<number, () => void>();

  take(step: FileStep): void {
    const path = step.path === '' ? [] : step.path.split('/');
    switch (step.op) {
      case 'mkdir':
        this.#makeFolders(path);
        return;
      case 'create': {
        const found = this.#find(path);
        if (found?.kind === 'file') found.content = Buffer.alloc(0);
        else this.#change(path, { kind: 'file', content: Buffer.alloc(0), synced: Buffer.alloc(0) });
        return;
      }
      case 'write': {
        const file = this.#find(path);
        if (file?.kind === 'file') file.content = Buffer.from(step.data ?? '', 'base64');
        return;
      }
      case 'remove':
        this.#change(path, undefined);
        return;
      case 'rename':
        this.#rename(path, (step.to ?? '').split('/'));
        return;
      case 'sync-begins':
        this.#syncing.set(step.id ?? 0, this.#syncOf(this.#find(path)));
        return;
      case 'sync':
        this.#syncing.get(step.id ?? 0)?.();
    }
  }

  /** How many changes of names a cut may undo. */
  get pending(): number {
    return this.#pending.length;
  }

  /**
   * The disk after a power cut now.
   * @param survived for each pending change, in order, whether it is there
   */
  afterCut(survived: readonly boolean[], torn: Torn): Tree {
    const names = new Map([...this.#safe].map(([folder, safe]) => [folder, new Map(safe)]));
    for (const [i, change] of this.#pending.entries()) {
      if (survived[i]) apply(names.get(change.folder) ?? new Map(), change);
    }
    const tree = new Map<string, Buffer>();
    const walk = (folder: Folder, prefix: string) => {
      for (const [name, node] of names.get(folder) ?? []) {
        if (node.kind === 'file') tree.set(prefix + name, contentAfterCut(node, torn));
        else {
          tree.set(`${prefix}${name}/`, Buffer.alloc(0));
          walk(node, `${prefix}${name}/`);
        }
      }
    };
    walk(this.#root, '');
    return tree;
  }

  #find(path: readonly string[]): Node | undefined {
    let node: Node | undefined = this.#root;
    for (const name of path) node = node?.kind === 'folder' ? node.names.get(name) : undefined;
    return node;
  }

  #folderOf(path: readonly string[]): Folder {
    const folder = this.#find(path.slice(0, -1));
    if (folder?.kind !== 'folder') throw new Error(`no folder for ${path.join('/')}`);
    return folder;
  }

  #makeFolders(path: readonly string[]): void {
    for (let depth = 1; depth <= path.length; depth++) {
      const part = path.slice(0, depth);
      if (this.#find(part)) continue;
      const made: Folder = { kind: 'folder', names: new Map() };
      this.#safe.set(made, new Map());
      this.#change(part, made);
    }
  }

  #rename(from: readonly string[], to: readonly string[]): void {
    const folder = this.#folderOf(from);
    if (folder !== this.#folderOf(to)) throw new Error('a rename from folder to folder is not modelled');
    this.#note({
      folder,
      names: new Map([
        [from.at(-1) ?? '', undefined],
        [to.at(-1) ?? '', this.#find(from)],
      ]),
    });
  }

  #change(path: readonly string[], node: Node | undefined): void {
    this.#note({ folder: this.#folderOf(path), names: new Map([[path.at(-1) ?? '', node]]) });
  }

  #note(change: Change): void {
    apply(change.folder.names, change);
    this.#pending.push(change);
  }

  #syncOf(node: Node | undefined): () => void {
    if (node?.kind === 'file') {
      const { content } = node;
      return () => {
        node.synced = content;
      };
    }
    const covered = new Set(this.#pending.filter(({ folder }) => folder === node));
    return () => {
      for (const change of covered) apply(this.#safe.get(change.folder) ?? new Map(), change);
      this.#pending = this.#pending.filter((change) => !covered.has(change));
    };
  }
}

function apply(names: Map<string, Node>, change: Change): void {
  for (const [name, node] of change.names) {
    if (node) names.set(name, node);
    else names.delete(name);
  }
}

function contentAfterCut({ content, synced }: File, torn: Torn): Buffer {
  if (content.equals(synced)) return synced;
  switch (torn) {
    case 'lost':
      return synced;
    case 'half':
      return content.subarray(0, tornAt(content.length));
    case 'zeros':
      return Buffer.alloc(content.length);
    case 'whole':
      return content;
  }
}

/** At a block's border, or inside of a block that is all there is. */
function tornAt(sizeBytes: number): number {
  const half = Math.floor(sizeBytes / 2);
  return half < BLOCK_BYTES ? half : half - (half % BLOCK_BYTES);
}
