/**
 * The server's side of trust: keeps the roots and the list of what may run as their holders signed them, issues snapshot
 * and timestamp with its own online key, and packs all of it for the devices. It never holds a root or release key.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type CodedError, protocolError } from '../../protocol/errors.ts';
import type { SigningKey } from '../../protocol/keys.ts';
import type { TrustRef } from '../../protocol/messages.ts';
import { metadataBytes, newSnapshot, newTimestamp, signMetadata } from '../../protocol/new-metadata.ts';
import { type ChunkedPackage, chunkPackage } from '../../protocol/package-index.ts';
import type { MetadataFiles } from '../../protocol/signed-file.ts';
import { type NamedModel, TrustedSet } from '../../protocol/trusted-set.ts';
import type { Clock } from '../clock.ts';
import { serverError } from '../errors.ts';
import type { ChunkFiles } from '../store/chunk-files.ts';
import { syncFolder, writeWhole } from '../store/durable-file.ts';

export interface TrustRepositoryDeps {
  /** `<dataDir>/trust` */
  readonly folder: string;
  /** A root file that the configuration pins; null: the first root that is published here is taken. */
  readonly pinnedRoot: string | null;
  readonly key: SigningKey;
  /** How long snapshot and timestamp count. */
  readonly validMs: number;
  readonly chunkFiles: ChunkFiles;
  readonly clock: Clock;
  /** Devices have to hear of new metadata. */
  readonly onChange: () => void;
}

/** What was issued is renewed when this share of its time is over. */
const RENEW_AFTER = 1 / 3;
const ROOT_NAME = /^([1-9][0-9]{0,5})\.root\.json$/;

export class TrustRepository {
  readonly #deps: TrustRepositoryDeps;
  /** Every root from the first one: a device may have slept through any number of them. */
  readonly #roots = new Map<string, Buffer>();
  #set: TrustedSet | undefined;
  #packed: ChunkedPackage | undefined;

  constructor(deps: TrustRepositoryDeps) {
    this.#deps = deps;
  }

  /** Reads what is kept; `renew` then issues what has run out. @throws CodedError TRUST_*, STORE_CORRUPT, STORE_UNWRITABLE */
  open(): void {
    const { folder, pinnedRoot } = this.#deps;
    mkdirSync(folder, { recursive: true });
    if (pinnedRoot !== null && !existsSync(join(folder, '1.root.json'))) this.#pin(readPinned(pinnedRoot));
    for (const name of readdirSync(folder)) {
      if (ROOT_NAME.test(name)) this.#roots.set(name, readFileSync(join(folder, name)));
    }
    const newest = this.#newestRoot();
    if (!newest) return;
    const others = ['timestamp.json', 'snapshot.json', 'targets.json']
      .filter((name) => existsSync(join(folder, name)))
      .map((name): [string, Buffer] => [name, readFileSync(join(folder, name))]);
    this.#set = restoredAsFarAs(newest, others);
    this.#pack();
  }

  /** What the devices shall believe; undefined before any root was published here. */
  get ref(): TrustRef | undefined {
    const packed = this.#packed;
    return packed && { indexSha256: packed.indexSha256, sizeBytes: packed.sizeBytes };
  }

  /** Hashes of the chunks that it travels as. */
  get chunks(): string[] {
    return [...(this.#packed?.chunks.keys() ?? [])];
  }

  /** Whether this server's key has the online role. */
  get isOnline(): boolean {
    const { keyId } = this.#deps.key;
    return this.#set?.onlineKeys.some((key) => key.keyId === keyId) ?? false;
  }

  /** The files as they are kept: `<n>.root.json`, `targets.json`, `snapshot.json`, `timestamp.json`. */
  get files(): Map<string, Buffer> {
    const others = [...(this.#set?.files ?? [])].filter(([name]) => name !== 'root.json');
    return new Map([...this.#roots, ...others]);
  }

  /** Versions, and when the first of what is signed offline ends; undefined before any root was published here. */
  get state(): { root: number; targets: number; timestamp: number; signedUntilMs: number } | undefined {
    return this.#set && { ...this.#set.versions, signedUntilMs: this.#set.offlineExpiresMs };
  }

  /**
   * Takes newer roots and a newer list from their holders.
   * @param files `<n>.root.json` in any number, and `targets.json`
   * @throws CodedError TRUST_*, STORE_UNWRITABLE
   */
  accept(files: MetadataFiles): void {
    const roots = [...files].filter(([name]) => ROOT_NAME.test(name));
    const first = files.get('1.root.json');
    const before = this.#set ?? (first && TrustedSet.pinned(first));
    if (!before) throw noRoot();
    refuseOtherFirst(this.#roots.get('1.root.json'), first);
    const rooted = before.withRoots(files);
    const list = files.get('targets.json') ?? before.files.get('targets.json');
    const set = list ? rooted.withTargets(list) : rooted;
    for (const [name, bytes] of roots) {
      const version = Number(ROOT_NAME.exec(name)?.[1]);
      if (version <= set.versions.root && !this.#roots.has(name)) this.#write(name, bytes);
    }
    if (list) this.#write('targets.json', list);
    this.#set = set;
    this.#issue();
  }

  /**
   * Whether this package is on the signed list: nothing else is kept here.
   * @throws CodedError TARGET_UNKNOWN, TARGET_MISMATCH, TRUST_UNREADABLE
   */
  approve(model: NamedModel): void {
    if (!this.#set) throw noRoot();
    this.#set.approve(model);
  }

  /**
   * Issues again what has run for a third of its time. Call it now and then.
   * @throws CodedError TRUST_EXPIRED when root or list have ended; STORE_UNWRITABLE
   */
  renew(): void {
    const { clock, validMs } = this.#deps;
    const set = this.#set;
    if (!set) return;
    const { timestampExpiresMs } = set;
    const isFresh = (endsMs: number) => endsMs - clock.wallMs() > validMs * (1 - RENEW_AFTER);
    if (timestampExpiresMs === undefined || !isFresh(timestampExpiresMs)) this.#issue();
  }

  #issue(): void {
    const { key, clock, validMs } = this.#deps;
    const set = this.#set;
    const list = set?.files.get('targets.json');
    if (!set || !list || !this.isOnline) return;
    // One counter for both: a version is never used twice, and the clock keeps it ahead of any backup.
    const version = Math.max(set.versions.timestamp + 1, Math.floor(clock.wallMs() / 1000));
    const expiresMs = clock.wallMs() + validMs;
    const snapshot = newSnapshot(version, expiresMs, { version: set.versions.targets, bytes: list });
    signMetadata(snapshot, key);
    const snapshotBytes = metadataBytes(snapshot);
    const timestamp = newTimestamp(version, expiresMs, { version, bytes: snapshotBytes });
    signMetadata(timestamp, key);
    const issued = new Map([
      ['snapshot.json', snapshotBytes],
      ['timestamp.json', metadataBytes(timestamp)],
    ]);
    // As every device will: what would be refused there is not sent out.
    this.#set = set.updated(issued, clock.wallMs());
    for (const [name, bytes] of issued) this.#write(name, bytes);
    this.#pack();
    this.#deps.onChange();
  }

  #pack(): void {
    if (!this.#set?.files.has('timestamp.json')) return;
    const packed = chunkPackage(this.files);
    this.#deps.chunkFiles.writeAll(packed.chunks);
    this.#packed = packed;
  }

  #newestRoot(): Buffer | undefined {
    const versions = [...this.#roots.keys()].map((name) => Number(ROOT_NAME.exec(name)?.[1]));
    return this.#roots.get(`${Math.max(...versions)}.root.json`);
  }

  #pin(bytes: Buffer): void {
    TrustedSet.pinned(bytes);
    this.#write('1.root.json', bytes);
  }

  #write(name: string, bytes: Buffer): void {
    const { folder } = this.#deps;
    try {
      writeWhole(join(folder, name), bytes);
      syncFolder(folder);
    } catch (cause) {
      throw serverError('STORE_UNWRITABLE', `cannot write ${join(folder, name)}`, {
        hint: "Check the free space and the rights of the server's dataDir.",
        cause,
      });
    }
    if (ROOT_NAME.test(name)) this.#roots.set(name, bytes);
  }
}

/**
 * What belongs together of the kept files. A cut between two of them, or a root that took a role to another key, leaves some
 * that do not: snapshot and timestamp are issued again then, and a list is asked of its holders again.
 */
function restoredAsFarAs(root: Buffer, others: readonly [string, Buffer][]): TrustedSet {
  const restored = (files: readonly [string, Buffer][]) =>
    TrustedSet.restored(new Map([['root.json', root], ...files]));
  try {
    return restored(others).updated(new Map(), Number.NEGATIVE_INFINITY);
  } catch {
    try {
      return restored(others.filter(([name]) => name === 'targets.json'));
    } catch {
      return restored([]);
    }
  }
}

function noRoot(): CodedError {
  return protocolError('TRUST_UNREADABLE', 'no root was published here yet', {
    hint: 'Publish it with the package: andon publish <folder> --keys <keys folder>.',
  });
}

function readPinned(file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (cause) {
    throw protocolError('TRUST_UNREADABLE', `cannot read ${file}, where trust begins`, {
      hint: 'Name an existing 1.root.json under trust.root, or null to take the first that is published.',
      cause,
    });
  }
}

function refuseOtherFirst(known: Buffer | undefined, first: Buffer | undefined): void {
  if (!known || !first || known.equals(first)) return;
  throw protocolError('TRUST_WRONG_ROLE', 'this server trusts another root', {
    hint: 'Use the keys folder that this server began with; a root is replaced by andon keys rotate, not by a new one.',
  });
}
