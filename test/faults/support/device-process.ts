/** A real agent that outlives its process: the same folder and config, a new process after each kill. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import type { StatusView } from '../../../agent/http/view.ts';
import { projectRoot, type RunningProcess, startProcess, waitFor } from '../../support/processes.ts';
import { steelPlatesCsv } from '../../support/steel-plates.ts';
import { fetchJson, writeJson } from './scene.ts';

/** Rows of the plates file; a replay goes over them again and again. */
export const PLATES = 500;
export const SLOT = 'surface';

export interface DeviceOptions {
  readonly id?: string;
  /** Default: beside its config, in `folder`. */
  readonly dataDir?: string;
  /** Samples in all; absent: no end in sight. */
  readonly samples?: number;
  /** A plate every so many ms; absent: at full speed. */
  readonly everyMs?: number;
  /** Text of the file in place of the steel plates; with their `part` and `time`. */
  readonly csv?: string;
  /** More fields of the source, or others. */
  readonly source?: object;
  /** More fields of the slot, or others. */
  readonly slot?: object;
  /** A second slot with a source of its own, by the name `other`. */
  readonly other?: { readonly source: object; readonly slot: object };
  readonly broker?: string;
  /** More fields of `sync`. */
  readonly sync?: object;
  /** Folder with root and list; default: those of the shipped models. */
  readonly metadata?: string;
  readonly engine?: object;
  readonly store?: object;
  readonly http?: object;
  readonly alarms?: object;
  readonly env?: NodeJS.ProcessEnv;
  /** Project-relative program in place of `agent/start.ts`. */
  readonly program?: string;
  /** Command that runs it, of a network namespace: its page cannot be asked then. */
  readonly inside?: readonly string[];
}

const ENDLESS = 1_000_000_000;

export class DeviceProcess {
  readonly id: string;
  readonly folder: string;
  readonly dataDir: string;
  readonly #config: string;
  readonly #env: NodeJS.ProcessEnv | undefined;
  readonly #program: string;
  readonly #inside: readonly string[];
  #process: RunningProcess | undefined;
  #url = '';

  constructor(parent: string, options: DeviceOptions) {
    this.id = options.id ?? 'steel-line';
    this.folder = join(parent, this.id);
    this.dataDir = options.dataDir ?? join(this.folder, 'data');
    mkdirSync(this.folder, { recursive: true });
    this.#env = options.env;
    this.#program = options.program ?? 'agent/start.ts';
    this.#inside = options.inside ?? [];
    this.#config = writeJson(join(this.folder, 'device.json'), this.#configOf(options));
    onTestFinished(async () => void (await this.end()));
  }

  /** Does not wait until it listens. */
  spawn(): RunningProcess {
    this.#process = startProcess(this.#program, ['--config', this.#config], this.#env, this.#inside);
    return this.#process;
  }

  async start(): Promise<void> {
    this.spawn();
    await this.up();
  }

  /** Waits until the process that was spawned last listens. */
  async up(): Promise<void> {
    this.#url = String((await this.#process?.logged('listening'))?.url);
  }

  async kill(): Promise<void> {
    await this.#process?.end('SIGKILL');
  }

  /** @returns exit code; 0 when it was not running */
  async end(): Promise<number | null> {
    return this.#process ? this.#process.end() : 0;
  }

  get url(): string {
    return this.#url;
  }

  get ended(): boolean {
    return this.#process?.ended ?? true;
  }

  get pid(): number {
    return this.#process?.child.pid ?? 0;
  }

  get database(): string {
    return join(this.dataDir, 'store.db');
  }

  get output(): string {
    return this.#process?.output() ?? '';
  }

  status(): Promise<StatusView> {
    return fetchJson<StatusView>(`${this.#url}/api/status`);
  }

  /** How often a code was counted since the start. */
  async counted(code: string): Promise<number> {
    return (await this.status()).counters[code] ?? 0;
  }

  async countedSome(code: string, withinMs = 15_000): Promise<number> {
    let counters: Record<string, number> = {};
    await waitFor(
      async () => {
        ({ counters } = await this.status());
        return (counters[code] ?? 0) > 0;
      },
      withinMs,
      () => `${code} to be counted; there is ${JSON.stringify(counters)}`,
    );
    return counters[code] ?? 0;
  }

  /** Samples that its sources have delivered since the start. */
  async taken(): Promise<number> {
    const text = await (await fetch(`${this.#url}/metrics`)).text();
    return Number(/code="source\.samples"\} (\d+)/.exec(text)?.[1] ?? 0);
  }

  /** Predictions that it has committed and no server has acknowledged: all of them, for a device that never syncs. */
  async unsent(): Promise<number> {
    return (await this.status()).link.backlog.predictions;
  }

  /** Seq of the newest committed prediction; 0 at first. */
  async lastSeq(): Promise<number> {
    const [newest] = (await this.status()).slots[0]?.recent ?? [];
    return Number(newest?.id.split('-')[1] ?? 0);
  }

  async unsentAtLeast(predictions: number, withinMs = 30_000): Promise<void> {
    await waitFor(
      async () => (await this.unsent()) >= predictions,
      withinMs,
      () => `${predictions} predictions of ${this.id}\n${this.output}`,
    );
  }

  #configOf(options: DeviceOptions): object {
    return {
      device: { id: this.id },
      dataDir: this.dataDir,
      sources: {
        plates: { ...this.#plates(options), ...options.source },
        ...(options.other && { other: options.other.source }),
      },
      slots: {
        [SLOT]: {
          source: 'plates',
          model: join(projectRoot, 'models', 'steel-surface', '1'),
          ...options.slot,
        },
        ...(options.other && { other: { source: 'other', ...options.other.slot } }),
      },
      sync: options.broker === undefined ? null : { broker: options.broker, retryMs: 50, ...options.sync },
      trust: { metadata: options.metadata ?? join(projectRoot, 'models', 'trust') },
      http: { port: 0, ...options.http },
      engine: options.engine ?? {},
      store: options.store ?? {},
      alarms: options.alarms ?? {},
    };
  }

  #plates({ samples = ENDLESS, everyMs, csv }: DeviceOptions): object {
    const path = join(this.folder, 'plates.csv');
    writeFileSync(path, csv ?? steelPlatesCsv(PLATES, everyMs ?? 1));
    return {
      kind: 'file',
      path,
      format: 'csv',
      speed: everyMs === undefined ? 'full' : 'recorded',
      timeColumn: 'time',
      correlationColumn: 'part',
      repeatToSamples: samples,
    };
  }
}
