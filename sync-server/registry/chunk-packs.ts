/** Published packages and metadata as packs (protocol/pack.ts), for devices whose broker keeps no retained messages. */
import { decodeChunk } from '../../protocol/chunk-codec.ts';
import { sha256Hex } from '../../protocol/keys.ts';
import { encodePackTable, packOrder, parsePackTable, type Span } from '../../protocol/pack.ts';
import { parsePackageIndex } from '../../protocol/package-index.ts';
import { serverError } from '../errors.ts';
import type { ChunkFiles } from '../store/chunk-files.ts';

export interface Pack {
  readonly sizeBytes: number;
  /** Changes with the place of any byte. */
  readonly etag: string;
  /** Pieces of bytes `start` to `end`, `end` not included. @throws CodedError STORE_CORRUPT */
  read(start: number, end: number): Iterable<Buffer>;
}

export interface ChunkPacksDeps {
  readonly chunkFiles: ChunkFiles;
  /** Whether something that is published has this index. */
  readonly isIndex: (sha256: string) => boolean;
}

/** Layouts kept in memory: those of the rollouts under way. */
const KEPT = 16;

export class ChunkPacks {
  readonly #deps: ChunkPacksDeps;
  readonly #kept = new Map<string, Pack>();

  constructor(deps: ChunkPacksDeps) {
    this.#deps = deps;
  }

  /** The index as it travels. @throws CodedError CHUNK_UNKNOWN, STORE_CORRUPT */
  index(indexSha256: string): Buffer {
    this.#check(indexSha256);
    return this.#deps.chunkFiles.read(indexSha256);
  }

  /** @throws CodedError CHUNK_UNKNOWN, STORE_CORRUPT */
  open(indexSha256: string): Pack {
    this.#check(indexSha256);
    const kept = this.#kept.get(indexSha256);
    if (kept) return kept;
    const pack = this.#layOut(indexSha256);
    const [oldest] = this.#kept.keys();
    if (this.#kept.size >= KEPT && oldest !== undefined) this.#kept.delete(oldest);
    this.#kept.set(indexSha256, pack);
    return pack;
  }

  #check(indexSha256: string): void {
    if (this.#deps.isIndex(indexSha256)) return;
    throw serverError('CHUNK_UNKNOWN', `nothing that is published here has the index ${indexSha256}`);
  }

  #layOut(indexSha256: string): Pack {
    const { chunkFiles } = this.#deps;
    const index = decodeChunk(indexSha256, chunkFiles.read(indexSha256));
    const order = packOrder(parsePackageIndex(index, indexSha256));
    const table = encodePackTable(order.map((sha256) => chunkFiles.sizeOf(sha256)));
    const spans = [...parsePackTable(order, table)];
    const sizeBytes = spans.at(-1)?.[1].end ?? table.length;
    const read = (start: number, end: number) => this.#read(indexSha256, table, spans, { start, end });
    return { sizeBytes, etag: `"${sha256Hex(table).slice(0, 32)}"`, read };
  }

  *#read(
    indexSha256: string,
    table: Buffer,
    spans: readonly (readonly [string, Span])[],
    { start, end }: Span,
  ): Generator<Buffer> {
    const within = (bytes: Buffer, at: number) => bytes.subarray(Math.max(0, start - at), end - at);
    if (start < table.length) yield within(table, 0);
    for (const [sha256, span] of spans) {
      if (span.end <= start || span.start >= end) continue;
      const bytes = this.#deps.chunkFiles.read(sha256);
      if (bytes.length !== span.end - span.start) {
        // Written again by another zlib since: whoever asks next gets the new layout.
        this.#kept.delete(indexSha256);
        throw serverError('STORE_CORRUPT', `chunk ${sha256.slice(0, 12)} has another size than it had`);
      }
      yield within(bytes, span.start);
    }
  }
}
