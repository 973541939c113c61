/** The parts of an agent through which a model is swapped, joined as in agent/main.ts, with packages handed over without a network. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { buildSync } from 'esbuild';
import { pino } from 'pino';
import type { z } from 'zod';
import { systemClock } from '../agent/clock.ts';
import { deviceConfigSchema } from '../agent/config/schema.ts';
import { EngineProcess } from '../agent/inference/engine-client.ts';
import { ModelManager } from '../agent/models/model-manager.ts';
import { Pipeline } from '../agent/pipeline/pipeline.ts';
import type { SampleSink } from '../agent/sources/source.ts';
import { openStore } from '../agent/store/open-store.ts';
import type { StoredPrediction } from '../agent/store/records.ts';
import { Counters } from '../daemon/counters.ts';
import { findProject } from '../daemon/project.ts';
import { sha256Hex } from '../protocol/keys.ts';
import type { ModelRef } from '../protocol/messages.ts';
import { parseManifest } from '../protocol/package-verify.ts';

const SLOT = 'swap';
const SOURCE = 'bench';

export type Package = ReadonlyMap<string, Buffer>;

export interface SwapRigOptions {
  /** The first runs from the start. */
  readonly packages: readonly Package[];
  readonly slot: Omit<Partial<z.input<typeof deviceConfigSchema>['slots'][string]>, 'source' | 'model'>;
  readonly engineEntry: URL;
}

export class SwapRig {
  readonly #folder: string;
  readonly #packages: ReadonlyMap<string, Package>;
  readonly #store: ReturnType<typeof openStore>;
  readonly #engine: EngineProcess;
  readonly #manager: ModelManager;
  readonly #pipeline: Pipeline;
  readonly sink: SampleSink;
  onCommitted: (predictions: readonly StoredPrediction[]) => void = () => undefined;

  constructor({ packages, slot, engineEntry }: SwapRigOptions) {
    this.#folder = mkdtempSync(join(tmpdir(), 'andon-bench-swap-'));
    this.#packages = new Map(packages.map((files) => [hashOf(files), files]));
    const clock = systemClock;
    const counters = new Counters();
    const log = pino({ level: 'silent' });
    const config = deviceConfigSchema.parse({
      device: { id: 'bench-swap' },
      dataDir: this.#folder,
      sources: { [SOURCE]: { kind: 'simulated-line' } },
      slots: { [SLOT]: { ...slot, source: SOURCE, model: 'none' } },
    });
    this.#store = openStore({ folder: this.#folder, ...config.store, clock, log, counters });
    this.#engine = new EngineProcess({
      ...config.engine,
      clock,
      log,
      counters,
      onDeath: (death) => this.#manager.engineDied(death),
      entry: engineEntry,
    });
    const nothing = {
      approve: () => undefined,
      approveConfigured: () => undefined,
      settled: async () => undefined,
    };
    this.#manager = new ModelManager({
      config,
      store: this.#store,
      engine: this.#engine,
      trust: nothing,
      fetchPackage: async (ref) => new Map(this.#packages.get(ref.manifestSha256)),
      clock,
      log,
      counters,
      onChange: () => this.#pipeline.modelsChanged(),
    });
    this.#pipeline = new Pipeline({
      config,
      models: this.#manager,
      engine: this.#engine,
      recorder: this.#store.recorder,
      monitorOf: () => ({ health: () => 0, observe: () => undefined, predicted: () => undefined }),
      observe: (...outcome) => this.#manager.observe(...outcome),
      onLineEvent: () => undefined,
      clock,
      log,
      counters,
    });
    this.#pipeline.onCommitted((_slot, predictions) => this.onCommitted(predictions));
    this.sink = this.#pipeline.sinkOf(SOURCE);
  }

  async start(): Promise<void> {
    await this.#engine.start();
    await this.#manager.start();
    const [first] = this.#packages.keys();
    this.want(first ?? '');
    await this.until(() => this.champion === first && this.installState === 'committed');
  }

  get champion(): string | undefined {
    return this.#manager.of(SLOT)?.champion.manifestSha256;
  }

  get installState(): string | undefined {
    return this.#manager.reported()[SLOT]?.install?.state;
  }

  /** Of the agent's parts (this process) and its engine, bytes. */
  rssBytes(): number {
    return process.memoryUsage.rss() + this.#engine.status().rssBytes;
  }

  want(manifestSha256: string): void {
    const champion = refOf(this.#packages.get(manifestSha256) ?? new Map());
    const slots = { [SLOT]: { champion, challenger: null } };
    this.#manager.desired({ v: 1, device: 'bench-swap', generation: 1, issuedAtMs: 0, slots });
  }

  /** Installs it, and sees it through its probation. */
  async swapTo(manifestSha256: string): Promise<void> {
    this.want(manifestSha256);
    await this.until(() => this.champion === manifestSha256 && this.installState === 'committed');
  }

  async until(condition: () => boolean): Promise<void> {
    const giveUpMs = performance.now() + 30_000;
    while (!condition()) {
      if (performance.now() > giveUpMs)
        throw new Error(`stuck in ${JSON.stringify(this.#manager.reported())}`);
      await new Promise((next) => setTimeout(next, 1));
    }
  }

  drain(): Promise<void> {
    return this.#pipeline.drain();
  }

  async stop(): Promise<void> {
    await this.#manager.stop();
    await this.#engine.stop();
    await this.#store.close();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/**
 * The engine's program as JavaScript, as a device runs it: compiling TypeScript at each start is no part of a swap.
 * @param source from the project's folder
 */
export function builtEngine(source: string): URL {
  const project = findProject().folder;
  const outfile = join(project, 'dist', 'bench', basename(source).replace(/\.ts$/, '.mjs'));
  const entryPoints = [join(project, source)];
  buildSync({ entryPoints, outfile, bundle: true, platform: 'node', format: 'esm', packages: 'external' });
  return pathToFileURL(outfile);
}

export function hashOf(files: Package): string {
  return sha256Hex(files.get('manifest.json') ?? '');
}

/** A package folder as it ships. */
export function readShipped(folder: string): Package {
  const manifestBytes = readFileSync(join(folder, 'manifest.json'));
  const files = Object.keys(parseManifest(manifestBytes).files);
  return new Map([
    ['manifest.json', manifestBytes],
    ...files.map((path): [string, Buffer] => [path, readFileSync(join(folder, path))]),
  ]);
}

function refOf(files: Package): ModelRef {
  const { name, version } = parseManifest(files.get('manifest.json') ?? Buffer.alloc(0));
  const manifestSha256 = hashOf(files);
  return { name, version, manifestSha256, indexSha256: manifestSha256, sizeBytes: 1 };
}
