/**
 * What this device believes of signed metadata: begins with the files beside its config, follows what a server brings, and
 * still knows it after a reboot with no network. Others ask it whom to obey and which package may run.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Logger } from 'pino';
import { z } from 'zod';
import type { Counters } from '../../daemon/counters.ts';
import { codeOf, protocolError } from '../../protocol/errors.ts';
import { type PublicKey, sha256Hex } from '../../protocol/keys.ts';
import type { Reported } from '../../protocol/messages.ts';
import type { MetadataFiles } from '../../protocol/signed-file.ts';
import { type NamedModel, TrustedSet } from '../../protocol/trusted-set.ts';
import type { Clock } from '../clock.ts';
import type { StateTable } from '../store/store.ts';
import { TrustedClock } from './trusted-clock.ts';

const KEY = 'trust/metadata';
const TIME_KEY = 'trust/time';
const KEEP_TIME_EVERY_MS = 3_600_000;

const keptSchema = z.object({
  /** sha256 of the root file that it began with: another one begins anew. */
  pinned: z.string(),
  files: z.record(z.string(), z.string()),
  indexSha256: z.string().nullable(),
});

export interface DeviceTrustDeps {
  /** Folder with root.json, and targets.json where the config's own models are listed. */
  readonly folder: string;
  readonly states: StateTable;
  readonly clock: Clock;
  readonly log: Logger;
  readonly counters: Counters;
}

export class DeviceTrust {
  readonly #deps: DeviceTrustDeps;
  readonly #pinnedSha256: string;
  readonly #besideConfig: Buffer | undefined;
  readonly #clock: TrustedClock;
  readonly #listeners = new Set<() => void>();
  #set: TrustedSet;
  #indexSha256: string | null = null;
  #coming: Promise<void> | undefined;
  /** Why the newest metadata were not taken: it explains why a package is not on the list. */
  #failure: unknown;
  #ticker: NodeJS.Timeout | undefined;

  /** @throws CodedError TRUST_UNREADABLE, TRUST_* when the files beside the config are missing or not signed */
  constructor(deps: DeviceTrustDeps) {
    this.#deps = deps;
    const root = readFile(deps.folder, 'root.json');
    if (!root) throw unreadable(join(deps.folder, 'root.json'));
    this.#besideConfig = readFile(deps.folder, 'targets.json');
    this.#pinnedSha256 = sha256Hex(root);
    this.#set = TrustedSet.pinned(root);
    const floorMs = z.number().safeParse(deps.states.get(TIME_KEY)).data;
    this.#clock = new TrustedClock(deps.clock, floorMs);
    this.#restore();
  }

  start(): void {
    this.#ticker = setInterval(() => {
      this.#clock.nowMs();
      this.#keepTime();
    }, KEEP_TIME_EVERY_MS);
    this.#ticker.unref();
  }

  stop(): void {
    clearInterval(this.#ticker);
  }

  /** Whose desired states this device obeys. */
  get serverKeys(): readonly PublicKey[] {
    return this.#set.onlineKeys;
  }

  /** What the newest metadata travelled as; null as long as none came. */
  get indexSha256(): string | null {
    return this.#indexSha256;
  }

  reported(): NonNullable<Reported['trust']> {
    return { ...this.#set.versions, indexSha256: this.#indexSha256 };
  }

  /** Called after each update that was taken. */
  onChange(listener: () => void): void {
    this.#listeners.add(listener);
  }

  /** Newer metadata are on their way: what is judged by them waits. */
  expect(coming: Promise<void>): void {
    const done = coming
      .catch(() => undefined)
      .then(() => {
        if (this.#coming === done) this.#coming = undefined;
      });
    this.#coming = done;
  }

  /** Resolves when no newer metadata are on their way. @throws the signal's reason */
  async settled(signal: AbortSignal): Promise<void> {
    while (this.#coming) {
      await Promise.race([this.#coming, aborted(signal)]);
      signal.throwIfAborted();
    }
  }

  /**
   * Takes newer metadata, whole or not at all, and keeps them.
   * @param indexSha256 what they travelled as; null when a person brought them
   * @throws CodedError TRUST_*
   */
  update(files: MetadataFiles, indexSha256: string | null): void {
    try {
      const before = this.#set.versions.root;
      // A clock that a wrong time ran ahead is set right by whoever holds the offline keys: with a new root.
      const renewed = this.#set.withRoots(files).versions.root > before;
      const nowMs = renewed ? Math.min(this.#clock.nowMs(), this.#deps.clock.wallMs()) : this.#clock.nowMs();
      this.#set = this.#set.updated(files, nowMs);
      if (renewed) this.#clock.begin(nowMs);
      this.#failure = undefined;
    } catch (error) {
      this.#failure = error;
      throw error;
    }
    if (indexSha256) this.#indexSha256 = indexSha256;
    this.#keep();
    for (const listener of this.#listeners) listener();
  }

  /** The latest time known for certain, ms since the Unix epoch; it only moves forward, over restarts too. */
  get floorMs(): number {
    return this.#clock.floorMs;
  }

  /** A verified message of the server said what time it is. */
  heardTime(signedMs: number): void {
    this.#clock.signed(signedMs);
  }

  /**
   * Whether a package from outside may be installed now. What runs already is not asked again.
   * @throws CodedError TARGET_UNKNOWN, TARGET_MISMATCH, TRUST_EXPIRED
   */
  approve(model: NamedModel): void {
    try {
      this.#set.refuseWhenExpired(this.#clock.nowMs());
      this.#set.approve(model);
    } catch (error) {
      // The list that would have it was refused: that is what to mend.
      throw codeOf(error) === 'TARGET_UNKNOWN' && this.#failure ? this.#failure : error;
    }
  }

  /**
   * Whether the package that the config names may run: by what a server brought, or by the list beside the config. The
   * person who set the device up answers for its age.
   * @throws CodedError TARGET_UNKNOWN, TARGET_MISMATCH, TRUST_*
   */
  approveConfigured(model: NamedModel): void {
    try {
      this.#set.approve(model);
    } catch (error) {
      if (!this.#besideConfig) throw error;
      this.#set.withListBeside(this.#besideConfig).approve(model);
    }
  }

  #restore(): void {
    const { states, log, counters } = this.#deps;
    const kept = keptSchema.safeParse(states.get(KEY));
    if (!kept.success || kept.data.pinned !== this.#pinnedSha256) return;
    try {
      const files = Object.entries(kept.data.files).map(([name, text]) => [name, Buffer.from(text)] as const);
      this.#set = TrustedSet.restored(new Map(files));
      this.#indexSha256 = kept.data.indexSha256;
    } catch (error) {
      counters.add(codeOf(error));
      log.warn(
        { event: 'trust-restarted', code: codeOf(error), err: error },
        'trust begins anew at its root',
      );
    }
  }

  #keep(): void {
    const files = [...this.#set.files].map(([name, bytes]) => [name, bytes.toString('utf8')]);
    this.#write(KEY, {
      pinned: this.#pinnedSha256,
      files: Object.fromEntries(files),
      indexSha256: this.#indexSha256,
    } satisfies z.infer<typeof keptSchema>);
    this.#keepTime();
  }

  #keepTime(): void {
    this.#write(TIME_KEY, this.#clock.floorMs);
  }

  #write(key: string, value: unknown): void {
    const { states, log, counters } = this.#deps;
    try {
      states.set(key, value);
    } catch (error) {
      // Believed until the next start; then the server brings it again.
      counters.add(codeOf(error));
      log.warn({ event: 'trust-not-kept', code: codeOf(error) }, 'the signed metadata could not be kept');
    }
  }
}

function readFile(folder: string, name: string): Buffer | undefined {
  try {
    return readFileSync(join(folder, name));
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw unreadable(join(folder, name), error);
  }
}

function unreadable(file: string, cause?: unknown): Error {
  return protocolError('TRUST_UNREADABLE', `cannot read ${file}, where trust begins`, {
    hint: 'Name a folder with a root.json under trust.metadata; make one with: andon keys init <folder>.',
    cause,
  });
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
