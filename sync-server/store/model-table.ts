/** Published model packages, which chunks they are made of, and which chunks the broker holds. */
import type { Manifest } from '../../protocol/manifest.ts';
import { type ModelRef, modelRefOf } from '../../protocol/messages.ts';
import type { Sqlite, Statement } from './database.ts';

export interface PublishedModel {
  readonly ref: ModelRef;
  readonly manifest: Manifest;
  readonly notes: string;
  readonly publishedAtMs: number;
}

interface Row {
  manifestSha256: string;
  indexSha256: string;
  sizeBytes: number;
  manifest: string;
  notes: string;
  publishedAtMs: number;
}

const COLUMNS = `manifest_sha256 AS manifestSha256, index_sha256 AS indexSha256, size_bytes AS sizeBytes, manifest, notes,
  published_at_ms AS publishedAtMs`;

export class ModelTable {
  readonly #byHash: Statement<[string], Row>;
  readonly #byVersion: Statement<[string, number], Row>;
  readonly #all: Statement<[], Row>;
  readonly #insert: Statement<[Row & { name: string; version: number }]>;
  readonly #insertChunk: Statement<[string, string]>;
  readonly #setIndex: Statement<[string, string]>;
  readonly #deleteChunks: Statement<[string]>;
  readonly #chunksOf: Statement<[string], string>;
  readonly #isChunk: Statement<[string], unknown>;
  readonly #retained: Statement<[], string>;
  readonly #retain: Statement<[string]>;
  readonly #release: Statement<[string]>;
  /** Published models never change, and pages ask for the list twice a second. */
  #list: readonly PublishedModel[] | undefined;

  constructor(sqlite: Sqlite) {
    this.#byHash = sqlite.prepare(`SELECT ${COLUMNS} FROM models WHERE manifest_sha256 = ?`);
    this.#byVersion = sqlite.prepare(`SELECT ${COLUMNS} FROM models WHERE name = ? AND version = ?`);
    this.#all = sqlite.prepare(`SELECT ${COLUMNS} FROM models ORDER BY name, version`);
    this.#insert = sqlite.prepare(
      `INSERT INTO models (manifest_sha256, name, version, index_sha256, size_bytes, manifest, notes, published_at_ms)
       VALUES (@manifestSha256, @name, @version, @indexSha256, @sizeBytes, @manifest, @notes, @publishedAtMs)`,
    );
    this.#insertChunk = sqlite.prepare(
      'INSERT INTO package_chunks (manifest_sha256, chunk_sha256) VALUES (?, ?)',
    );
    this.#setIndex = sqlite.prepare('UPDATE models SET index_sha256 = ? WHERE manifest_sha256 = ?');
    this.#deleteChunks = sqlite.prepare('DELETE FROM package_chunks WHERE manifest_sha256 = ?');
    this.#chunksOf = sqlite
      .prepare<[string], string>('SELECT chunk_sha256 FROM package_chunks WHERE manifest_sha256 = ?')
      .pluck();
    this.#isChunk = sqlite.prepare('SELECT 1 FROM package_chunks WHERE chunk_sha256 = ? LIMIT 1');
    this.#retained = sqlite.prepare<[], string>('SELECT sha256 FROM retained_chunks').pluck();
    this.#retain = sqlite.prepare('INSERT OR IGNORE INTO retained_chunks (sha256) VALUES (?)');
    this.#release = sqlite.prepare('DELETE FROM retained_chunks WHERE sha256 = ?');
  }

  byHash(manifestSha256: string): PublishedModel | undefined {
    const row = this.#byHash.get(manifestSha256);
    return row && modelOf(row);
  }

  byVersion(name: string, version: number): PublishedModel | undefined {
    const row = this.#byVersion.get(name, version);
    return row && modelOf(row);
  }

  /** By name, then version. */
  all(): readonly PublishedModel[] {
    this.#list ??= this.#all.all().map(modelOf);
    return this.#list;
  }

  /** Call inside a transaction. */
  add(model: PublishedModel, chunks: Iterable<string>): void {
    const { manifestSha256, indexSha256, sizeBytes, name, version } = model.ref;
    const { notes, publishedAtMs } = model;
    const manifest = JSON.stringify(model.manifest);
    this.#insert.run({
      manifestSha256,
      indexSha256,
      sizeBytes,
      name,
      version,
      manifest,
      notes,
      publishedAtMs,
    });
    this.#list = undefined;
    for (const chunk of chunks) this.#insertChunk.run(manifestSha256, chunk);
  }

  /** The same package, cut in another way. Call inside a transaction. */
  cutAgain(manifestSha256: string, indexSha256: string, chunks: Iterable<string>): void {
    this.#setIndex.run(indexSha256, manifestSha256);
    this.#deleteChunks.run(manifestSha256);
    for (const chunk of chunks) this.#insertChunk.run(manifestSha256, chunk);
    this.#list = undefined;
  }

  /** Every chunk of a package, its index's included. */
  chunksOf(manifestSha256: string): string[] {
    return this.#chunksOf.all(manifestSha256);
  }

  isChunk(sha256: string): boolean {
    return this.#isChunk.get(sha256) !== undefined;
  }

  /** Chunks that the broker may hold as retained. */
  retainedChunks(): string[] {
    return this.#retained.all();
  }

  markRetained(sha256: string): void {
    this.#retain.run(sha256);
  }

  unmarkRetained(sha256: string): void {
    this.#release.run(sha256);
  }
}

function modelOf(row: Row): PublishedModel {
  const manifest = JSON.parse(row.manifest) as Manifest;
  const { manifestSha256, indexSha256, sizeBytes, notes, publishedAtMs } = row;
  const ref = modelRefOf(manifest, { manifestSha256, indexSha256, sizeBytes });
  return { ref, manifest, notes, publishedAtMs };
}
