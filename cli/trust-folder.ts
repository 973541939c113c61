/**
 * The keys folder of a release team, on a machine that is not the server: `private/` with root and release keys, to be kept
 * secret (best apart and offline), and `metadata/` with what they signed, to be given to server and devices.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { codeOf } from '../protocol/errors.ts';
import { generateSigningKey, type SigningKey, signingKeyFromPem, signingKeyToPem } from '../protocol/keys.ts';
import { checkSignatures, type MetadataOf, parseMetadata, type RoleOfTrust } from '../protocol/metadata.ts';
import { metadataBytes, newRoot, newTargets, type RoleKeys, signMetadata } from '../protocol/new-metadata.ts';
import { type NamedModel, TrustedSet, targetPath } from '../protocol/trusted-set.ts';
import { cliError } from './errors.ts';

const DAY_MS = 86_400_000;
const PUBLIC_KEY = /^[0-9a-f]{64}$/;

export interface TeamOptions {
  /** Raw public key of the server, hex: it gets the roles snapshot and timestamp. */
  readonly serverPublicKey: string;
  readonly root: { readonly keys: number; readonly threshold: number };
  readonly release: { readonly keys: number; readonly threshold: number };
  /** How long root and list count. */
  readonly validDays: number;
}

/** A package to be put on the list. */
export interface SignedModel extends NamedModel {
  /** Bytes of its manifest.json. */
  readonly manifestBytes: number;
}

export interface SignOptions {
  /** Target paths to take off the list. */
  readonly remove?: readonly string[];
  /** Private keys that are kept elsewhere. */
  readonly keys?: readonly SigningKey[];
  /** A new version with a new end, also where nothing changed. */
  readonly renew?: boolean;
}

export class TrustFolder {
  readonly folder: string;
  readonly #validDays: number;

  constructor(folder: string, validDays: number) {
    this.folder = folder;
    this.#validDays = validDays;
  }

  /** For `trust.metadata` of devices. */
  get metadataFolder(): string {
    return join(this.folder, 'metadata');
  }

  /** @throws CodedError KEY_EXISTS: keys are never overwritten, since nothing brings them back */
  init({ serverPublicKey, root, release }: TeamOptions): void {
    if (existsSync(this.folder) && readdirSync(this.folder).length > 0) {
      throw cliError('KEY_EXISTS', `${this.folder} is not empty; it stays as it is.`, {
        hint: 'Choose an empty folder.',
      });
    }
    mkdirSync(join(this.folder, 'private'), { recursive: true, mode: 0o700 });
    mkdirSync(this.metadataFolder, { recursive: true });
    const rootKeys = this.#makeKeys('root', root.keys);
    const releaseKeys = this.#makeKeys('release', release.keys);
    const online = { publicKeys: [serverPublicKey], threshold: 1 };
    const roles = {
      root: { publicKeys: rootKeys.map((key) => key.publicHex), threshold: root.threshold },
      targets: { publicKeys: releaseKeys.map((key) => key.publicHex), threshold: release.threshold },
      snapshot: online,
      timestamp: online,
    };
    this.#writeRoot(newRoot(1, this.#expiresMs(), roles), rootKeys);
    this.#writeList(newTargets(1, this.#expiresMs(), new Map()), releaseKeys);
  }

  /** What is signed so far. @throws CodedError TRUST_*, KEY_UNREADABLE */
  open(): TrustedSet {
    return TrustedSet.pinned(this.#read('root.json'), this.#read('targets.json'));
  }

  /** All roots and the list, as a server takes them. */
  files(): Map<string, Buffer> {
    const names = readdirSync(this.metadataFolder).filter((name) => /^(\d+\.root|targets)\.json$/.test(name));
    return new Map(names.map((name) => [name, this.#read(name)]));
  }

  /**
   * Puts packages on the list, or takes them off, and signs it with the release keys at hand. With nothing to change it
   * adds signatures, so that several holders can sign the same list one after the other.
   * @returns signatures the list has, of those it needs
   * @throws CodedError KEY_UNREADABLE, TARGET_MISMATCH (a signed version never changes)
   */
  sign(
    add: readonly SignedModel[],
    { remove = [], keys = [], renew = false }: SignOptions = {},
  ): { have: number; need: number } {
    const root = this.#parse('root', 'root.json').signed;
    const kept = this.#parse('targets', 'targets.json');
    const list = new Map(
      Object.entries(kept.signed.targets).map(([path, { length, hashes }]) => [
        path,
        { length, sha256: hashes.sha256 ?? '' },
      ]),
    );
    const before = JSON.stringify([...list]);
    for (const model of add) {
      const path = targetPath(model);
      const known = list.get(path);
      if (known && known.sha256 !== model.manifestSha256) throw versionTaken(path);
      list.set(path, { length: model.manifestBytes, sha256: model.manifestSha256 });
    }
    for (const path of remove) list.delete(path);
    const changed = renew || JSON.stringify([...list]) !== before;
    const targets = changed ? newTargets(kept.signed.version + 1, this.#expiresMs(), list) : kept;
    const signers = this.#keysOf(root.roles.targets?.keyIDs ?? [], keys);
    if (signers.length === 0) throw noKey('release', this.folder);
    this.#writeList(targets, signers);
    const have = (root.roles.targets?.keyIDs ?? []).filter((id) => targets.signatures[id]).length;
    return { have, need: root.roles.targets?.threshold ?? 1 };
  }

  /**
   * The next root: new keys for a role, signed by the old root keys and the new ones.
   * @param keys further private keys, where root keys are kept apart
   * @throws CodedError KEY_UNREADABLE, TRUST_THRESHOLD when too few old root keys are at hand
   */
  rotate(
    role: 'root' | 'release' | { readonly serverPublicKey: string },
    keys: readonly SigningKey[] = [],
  ): number {
    const before = this.#parse('root', 'root.json').signed;
    const rolesNow = (name: RoleOfTrust): RoleKeys => {
      const { keyIDs = [], threshold = 1 } = before.roles[name] ?? {};
      return { publicKeys: keyIDs.map((id) => before.keys[id]?.keyVal.public ?? ''), threshold };
    };
    const roles = {
      root: rolesNow('root'),
      targets: rolesNow('targets'),
      snapshot: rolesNow('snapshot'),
      timestamp: rolesNow('timestamp'),
    };
    const oldKeys = this.#keysOf(before.roles.root?.keyIDs ?? [], keys);
    if (oldKeys.length === 0) throw noKey('root', this.folder);
    let newKeys: SigningKey[] = [];
    if (typeof role === 'object') {
      roles.snapshot = roles.timestamp = { publicKeys: [role.serverPublicKey], threshold: 1 };
    } else {
      const name = role === 'root' ? 'root' : 'targets';
      newKeys = this.#makeKeys(role, roles[name].publicKeys.length);
      roles[name] = { ...roles[name], publicKeys: newKeys.map((key) => key.publicHex) };
    }
    const next = newRoot(before.version + 1, this.#expiresMs(), roles);
    const rootKeys = role === 'root' ? [...oldKeys, ...newKeys] : oldKeys;
    for (const key of rootKeys) signMetadata(next, key);
    checkSignatures(before, 'root', next, `${next.signed.version}.root.json`);
    this.#writeRoot(next, rootKeys);
    // A list that only the old release keys signed would be refused under the new root.
    if (role === 'release') {
      const list = this.#parse('targets', 'targets.json').signed;
      const targets = new Map(
        Object.entries(list.targets).map(([path, { length, hashes }]) => [
          path,
          { length, sha256: hashes.sha256 ?? '' },
        ]),
      );
      this.#writeList(newTargets(list.version + 1, this.#expiresMs(), targets), newKeys);
    }
    return next.signed.version;
  }

  #makeKeys(role: 'root' | 'release', count: number): SigningKey[] {
    return Array.from({ length: count }, () => {
      const key = generateSigningKey();
      const file = join(this.folder, 'private', `${role}-${key.keyId.slice(0, 8)}.pem`);
      writeFileSync(file, signingKeyToPem(key), { flag: 'wx', mode: 0o600 });
      return key;
    });
  }

  /** Private keys at hand that a role lists. */
  #keysOf(keyIds: readonly string[], more: readonly SigningKey[]): SigningKey[] {
    const folder = join(this.folder, 'private');
    const files = existsSync(folder) ? readdirSync(folder).filter((name) => name.endsWith('.pem')) : [];
    const all = [...files.map((name) => readSigningKey(join(folder, name))), ...more];
    return all.filter(({ keyId }) => keyIds.includes(keyId));
  }

  #writeRoot(root: MetadataOf<'root'>, keys: readonly SigningKey[]): void {
    for (const key of keys) signMetadata(root, key);
    this.#write(`${root.signed.version}.root.json`, metadataBytes(root));
    this.#write('root.json', metadataBytes(root));
  }

  #writeList(targets: MetadataOf<'targets'>, keys: readonly SigningKey[]): void {
    for (const key of keys) signMetadata(targets, key);
    this.#write('targets.json', metadataBytes(targets));
  }

  #write(name: string, bytes: Buffer): void {
    const file = join(this.metadataFolder, name);
    writeFileSync(`${file}.new`, bytes, { flush: true });
    renameSync(`${file}.new`, file);
  }

  #parse<R extends 'root' | 'targets'>(role: R, name: string): MetadataOf<R> {
    return parseMetadata(role, this.#read(name), name);
  }

  #read(name: string): Buffer {
    const file = join(this.metadataFolder, name);
    try {
      return readFileSync(file);
    } catch (cause) {
      throw cliError('KEY_UNREADABLE', `${file} cannot be read (${codeOf(cause)}).`, {
        hint: 'Name a folder that andon keys init made, with --keys <folder>.',
        cause,
      });
    }
  }

  #expiresMs(): number {
    return Date.now() + this.#validDays * DAY_MS;
  }
}

/** @throws CodedError KEY_UNREADABLE */
export function readSigningKey(file: string): SigningKey {
  try {
    return signingKeyFromPem(readFileSync(file, 'utf8'));
  } catch (cause) {
    throw cliError('KEY_UNREADABLE', `${file} is not a readable Ed25519 private key.`, {
      hint: 'Make keys with: andon keys init <folder>',
      cause,
    });
  }
}

/** @throws CodedError KEY_UNREADABLE */
export function checkPublicKey(publicHex: string, from: string): string {
  if (PUBLIC_KEY.test(publicHex)) return publicHex;
  throw cliError('KEY_UNREADABLE', `${from} holds no Ed25519 public key.`, {
    hint: 'It is keys/server-public.json in the dataDir of a server that ran once.',
  });
}

function noKey(role: string, folder: string): Error {
  return cliError('KEY_UNREADABLE', `No ${role} key is at hand in ${join(folder, 'private')}.`, {
    hint: 'Name its file with --key <file>; several can be named.',
  });
}

function versionTaken(path: string): Error {
  return cliError('VERSION_TAKEN', `${path} is signed already with other content.`, {
    hint: 'A version never changes: count "version" up in the manifest, and sign again.',
  });
}
