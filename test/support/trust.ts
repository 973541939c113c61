/** A release team for tests: real keys, real metadata, and what a server would issue beside them. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { generateSigningKey, type SigningKey, signingKeyToPem } from '../../protocol/keys.ts';
import type { MetadataOf, RoleOfTrust } from '../../protocol/metadata.ts';
import {
  metadataBytes,
  type NamedFile,
  newRoot,
  newSnapshot,
  newTargets,
  newTimestamp,
  signMetadata,
} from '../../protocol/new-metadata.ts';
import { type NamedModel, TrustedSet, targetPath } from '../../protocol/trusted-set.ts';
import { hashOf, manifestOf } from './packages.ts';

export const DAY_MS = 86_400_000;

export type TeamRole = 'root' | 'release' | 'server';
type Files = ReadonlyMap<string, Buffer>;

export interface TeamOptions {
  /** Default: a new key each. */
  readonly keys?: Partial<Record<TeamRole, SigningKey>>;
  /** What it signs counts until a year after this; default: now. */
  readonly nowMs?: number;
}

export interface IssueOptions {
  /** Default: now. */
  readonly nowMs?: number;
  /** How long snapshot and timestamp count. */
  readonly validMs?: number;
  /** Of snapshot and timestamp; default: the next one, as a server counts. */
  readonly version?: number;
  /** Default: the server's. */
  readonly key?: SigningKey;
  /** In place of the team's list. */
  readonly list?: NamedFile;
}

export class TestTeam {
  readonly #keys: Record<TeamRole, SigningKey>;
  readonly #expiresMs: number;
  readonly #roots = new Map<string, Buffer>();
  readonly #list = new Map<string, { length: number; sha256: string }>();
  #listVersion = 0;
  #listFile: Buffer = Buffer.alloc(0);
  #issued = 0;

  constructor({ keys = {}, nowMs = Date.now() }: TeamOptions = {}) {
    const key = generateSigningKey;
    this.#keys = { root: key(), release: key(), server: key(), ...keys };
    this.#expiresMs = nowMs + 365 * DAY_MS;
    this.#addRoot([this.key('root')]);
    this.#renewList();
  }

  key(role: TeamRole): SigningKey {
    return this.#keys[role];
  }

  /** Puts packages on the list, in place of those of the same name and version. */
  sign(...packages: readonly Files[]): this {
    for (const files of packages) {
      const length = files.get('manifest.json')?.length ?? 0;
      this.#list.set(targetPath(manifestOf(files)), { length, sha256: hashOf(files) });
    }
    return this.#renewList();
  }

  /** A package of which there is only the name. @param length bytes of its manifest */
  signNamed(model: NamedModel, length: number): this {
    this.#list.set(targetPath(model), { length, sha256: model.manifestSha256 });
    return this.#renewList();
  }

  /** Takes a package off the list. */
  strike(files: Files): this {
    this.#list.delete(targetPath(manifestOf(files)));
    return this.#renewList();
  }

  /** The next root, with another key for a role; what that role signed is signed again. */
  rotate(role: TeamRole, key = generateSigningKey()): this {
    const before = this.key('root');
    this.#keys[role] = key;
    this.#addRoot(role === 'root' ? [before, key] : [before]);
    return role === 'release' ? this.#renewList() : this;
  }

  /** The root that devices pin. */
  rootFile(version = this.#roots.size): Buffer {
    return this.#roots.get(`${version}.root.json`) ?? Buffer.alloc(0);
  }

  listFile(): Buffer {
    return this.#listFile;
  }

  get listVersion(): number {
    return this.#listVersion;
  }

  /** Every root and the list: what the team hands to its server. */
  signedFiles(): Map<string, Buffer> {
    return new Map([...this.#roots, ['targets.json', this.#listFile]]);
  }

  /** All of it, with snapshot and timestamp as its server would issue them: what devices get. */
  bundle(options: IssueOptions = {}): Map<string, Buffer> {
    const { nowMs = Date.now(), validMs = 14 * DAY_MS, key = this.key('server') } = options;
    const version = options.version ?? Math.max(this.#issued + 1, Math.floor(nowMs / 1000));
    if (options.version === undefined) this.#issued = version;
    const list = options.list ?? { version: this.#listVersion, bytes: this.#listFile };
    const snapshot = signed(newSnapshot(version, nowMs + validMs, list), key);
    const timestamp = signed(newTimestamp(version, nowMs + validMs, { version, bytes: snapshot }), key);
    return new Map([
      ...this.signedFiles(),
      ['targets.json', list.bytes],
      ['snapshot.json', snapshot],
      ['timestamp.json', timestamp],
    ]);
  }

  /** For `trust.metadata` of devices. @returns the folder */
  writeMetadata(folder: string): string {
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'root.json'), this.rootFile());
    writeFileSync(join(folder, 'targets.json'), this.#listFile);
    return folder;
  }

  /** A server that starts on this folder has the online key and issues for itself. */
  prepareServer(dataDir: string): void {
    mkdirSync(join(dataDir, 'keys'), { recursive: true });
    writeFileSync(join(dataDir, 'keys', 'server.pem'), signingKeyToPem(this.key('server')), { mode: 0o600 });
    mkdirSync(join(dataDir, 'trust'), { recursive: true });
    for (const [name, bytes] of this.signedFiles()) writeFileSync(join(dataDir, 'trust', name), bytes);
  }

  /** @throws CodedError TARGET_* for what this team did not sign */
  approve(model: NamedModel): void {
    TrustedSet.pinned(this.rootFile(), this.#listFile).approve(model);
  }

  /** What stands above trust needs of it: approves at any time just what this team has signed by then. */
  get trust() {
    const approve = (model: NamedModel) => this.approve(model);
    return { approve, approveConfigured: approve, settled: async () => undefined };
  }

  #addRoot(signers: readonly SigningKey[]): void {
    const one = (role: TeamRole) => ({ publicKeys: [this.key(role).publicHex], threshold: 1 });
    const version = this.#roots.size + 1;
    const roles = {
      root: one('root'),
      targets: one('release'),
      snapshot: one('server'),
      timestamp: one('server'),
    };
    const root = newRoot(version, this.#expiresMs, roles);
    this.#roots.set(`${version}.root.json`, signed(root, ...signers));
  }

  #renewList(): this {
    this.#listVersion += 1;
    this.#listFile = signed(newTargets(this.#listVersion, this.#expiresMs, this.#list), this.key('release'));
    return this;
  }
}

export function signed(metadata: MetadataOf<RoleOfTrust>, ...keys: readonly SigningKey[]): Buffer {
  for (const key of keys) signMetadata(metadata, key);
  return metadataBytes(metadata);
}
