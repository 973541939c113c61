/** The packages on this device and which of them are loaded in the engine. Nothing leaves it unverified. */
import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { protocolError } from '../../protocol/errors.ts';
import { type BaselineProfile, baselineProfileSchema, type Manifest } from '../../protocol/manifest.ts';
import { firstIssues } from '../../protocol/messages.ts';
import { verifyPackage } from '../../protocol/package-verify.ts';
import type { Budget } from '../config/updates.ts';
import { agentError } from '../errors.ts';
import type { Engine, Trial } from '../inference/engine.ts';
import type { DeviceTrust } from '../trust/device-trust.ts';
import type { ActiveModel } from './active-models.ts';
import { checkBudget, measureLatency, runLargeBatch } from './budget-test.ts';
import { parseGolden, runGoldenTest } from './golden-test.ts';
import { prunePackageFolders, readPackageFolder, writePackageFolder } from './package-folder.ts';
import type { SelfTest } from './slot-state.ts';

export interface ModelLibraryDeps {
  /** `<dataDir>/packages` */
  readonly folder: string;
  readonly trust: Pick<DeviceTrust, 'approveConfigured'>;
  readonly engine: Engine;
}

export interface TestLimits {
  readonly budget: Budget;
  /** Of the slot's batches. */
  readonly maxRows: number;
}

export class ModelLibrary {
  readonly #deps: ModelLibraryDeps;
  readonly #loaded = new Map<string, ActiveModel>();
  /** By which models made the engine grow when they were loaded. */
  readonly #memoryBytes = new Map<string, number>();
  /** One thing at a time: two slots may want the same model, and what is looked at must not be deleted meanwhile. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(deps: ModelLibraryDeps) {
    this.#deps = deps;
  }

  /** The model as it is loaded in the engine; undefined while it is not. */
  loaded(manifestSha256: string | null | undefined): ActiveModel | undefined {
    return this.#loaded.get(manifestSha256 ?? '');
  }

  /** The config's package folder, verified and approved, with the hash that names it. */
  async identify(folder: string): Promise<{ manifestSha256: string; files: Map<string, Buffer> }> {
    const files = await readPackageFolder(folder);
    const { manifest, manifestSha256 } = verifyPackage(files);
    this.#deps.trust.approveConfigured({ ...manifest, manifestSha256 });
    return { files, manifestSha256 };
  }

  /** Whether a package of this name lies on the disk; `has` looks whether it is whole. */
  isOnDisk(manifestSha256: string): boolean {
    return existsSync(this.#folderOf(manifestSha256));
  }

  /** Whether this package is on the disk, whole; a damaged one is removed. */
  has(manifestSha256: string): Promise<boolean> {
    return this.#inTurn(async () => {
      try {
        await this.#open(manifestSha256);
        return true;
      } catch {
        // Why does not matter: it will be fetched again, and judged again.
        await rm(this.#folderOf(manifestSha256), { recursive: true, force: true });
        return false;
      }
    });
  }

  /** @throws CodedError PACKAGE_* when the files are not this package, whole */
  verify(manifestSha256: string, files: ReadonlyMap<string, Buffer>): Manifest {
    const found = verifyPackage(files);
    if (found.manifestSha256 === manifestSha256) return found.manifest;
    throw protocolError(
      'PACKAGE_HASH_MISMATCH',
      `the package is ${found.manifestSha256.slice(0, 12)}, not ${manifestSha256.slice(0, 12)}`,
    );
  }

  /** Puts a verified package on the disk. */
  async stage(manifestSha256: string, files: ReadonlyMap<string, Buffer>): Promise<void> {
    await this.#inTurn(() => writePackageFolder(this.#deps.folder, manifestSha256, files));
  }

  /**
   * Loads a package of the disk into the engine, beside what is loaded there.
   * @throws CodedError MODEL_UNREADABLE, PACKAGE_*, ENGINE_*
   */
  async load(manifestSha256: string): Promise<void> {
    await this.#inTurn(() => this.#load(manifestSha256));
  }

  /**
   * Loads it and tests it: golden samples, time and memory. A model that fails has touched nothing that works.
   * @returns what was measured
   * @throws CodedError as `load`; GOLDEN_SAMPLES_FAILED, MODEL_TOO_SLOW, MODEL_TOO_LARGE
   */
  test(manifestSha256: string, limits: TestLimits): Promise<SelfTest> {
    return this.#inTurn(() => this.#test(manifestSha256, limits));
  }

  /** Unloads from the engine whatever is not in `keep`. */
  async unloadOthers(keep: ReadonlySet<string>): Promise<void> {
    const others = [...this.#loaded.keys()].filter((model) => !keep.has(model));
    for (const model of others) {
      this.#loaded.delete(model);
      this.#memoryBytes.delete(model);
    }
    await Promise.all(others.map((model) => this.#deps.engine.unload(model)));
  }

  /** Deletes from the disk whatever is not to be kept. @param keep asked of each package just before it goes */
  async prune(keep: (manifestSha256: string) => boolean): Promise<void> {
    await this.#inTurn(() => prunePackageFolders(this.#deps.folder, keep));
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#last.then(work);
    this.#last = done.catch(() => undefined);
    return done;
  }

  async #load(manifestSha256: string): Promise<void> {
    if (this.#loaded.has(manifestSha256)) return;
    const { model } = await this.#open(manifestSha256);
    await this.#deps.engine.load(model);
    this.#loaded.set(manifestSha256, model);
  }

  async #test(manifestSha256: string, limits: TestLimits): Promise<SelfTest> {
    const { engine } = this.#deps;
    const { model, files } = await this.#open(manifestSha256);
    if (this.#loaded.has(manifestSha256)) {
      const run: Trial['run'] = (batch, options) => engine.run(manifestSha256, batch, options);
      return this.#judge(model, files, run, limits);
    }
    const trial = await engine.trial(model);
    try {
      const run: Trial['run'] = (batch, options) => trial.run(batch, options);
      const figures = await this.#judge(model, files, run, limits, () => trial.growthBytes());
      await trial.adopt();
      this.#loaded.set(manifestSha256, model);
      return figures;
    } catch (error) {
      trial.discard();
      this.#memoryBytes.delete(manifestSha256);
      throw error;
    }
  }

  async #judge(
    { manifest, manifestSha256 }: ActiveModel,
    files: ReadonlyMap<string, Buffer>,
    run: Trial['run'],
    { budget, maxRows }: TestLimits,
    growthBytes?: () => Promise<number>,
  ): Promise<SelfTest> {
    const golden = parseGolden(manifest, files.get(manifest.golden.file) ?? Buffer.alloc(0));
    const latencyP99Ms = await measureLatency(run, manifest, golden, budget.latencyP99Ms);
    await runGoldenTest(run, manifest, golden, latencyP99Ms);
    await runLargeBatch(run, manifest, golden, { maxRows, rowMs: latencyP99Ms });
    const fileBytes = files.get(manifest.model.file)?.length ?? 0;
    // The file's own bytes are needed in any case, where room that was there already hides the growth.
    if (growthBytes) this.#memoryBytes.set(manifestSha256, Math.max(await growthBytes(), fileBytes));
    const figures = { latencyP99Ms, memoryBytes: this.#memoryBytes.get(manifestSha256) ?? fileBytes };
    checkBudget(figures, budget);
    return figures;
  }

  async #open(manifestSha256: string): Promise<{ model: ActiveModel; files: Map<string, Buffer> }> {
    const folder = this.#folderOf(manifestSha256);
    const files = await readPackageFolder(folder);
    const manifest = this.verify(manifestSha256, files);
    const baseline = parseBaseline(files.get(manifest.baselineProfile) ?? Buffer.alloc(0));
    return { model: { manifestSha256, folder, manifest, baseline }, files };
  }

  #folderOf(manifestSha256: string): string {
    return join(this.#deps.folder, manifestSha256);
  }
}

function parseBaseline(bytes: Buffer): BaselineProfile {
  let value: unknown;
  try {
    value = JSON.parse(bytes.toString('utf8'));
  } catch (cause) {
    throw agentError('MODEL_UNREADABLE', 'the baseline profile is not JSON', { cause });
  }
  const parsed = baselineProfileSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw agentError('MODEL_UNREADABLE', `the baseline profile: ${firstIssues(parsed.error)}`);
}
