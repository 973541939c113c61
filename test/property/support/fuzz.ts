/** Feeds decoders in threads of their own, under a watchdog and a limit of memory, so that a hang or a crash has a name too. */
import { Worker } from 'node:worker_threads';

export interface FuzzJob {
  readonly names: readonly string[];
  /** Inputs a decoder. */
  readonly runs: number;
  readonly seed: number;
  /** More than that for one input is a failure. */
  readonly mostBytes: number;
  readonly shared: SharedArrayBuffer;
}

export interface FuzzResult {
  readonly name: string;
  readonly tried: number;
  readonly refused: number;
  readonly slowestMs: number;
  /** Memory that one input took at most: heap and buffers. */
  readonly mostBytes: number;
  readonly codes: readonly string[];
  /** What went wrong, and the input in base64; null when nothing did. */
  readonly failure: string | null;
}

export interface FuzzLimits {
  readonly runs: number;
  readonly seed: number;
  /** One input may take so much memory: heap and buffers. */
  readonly mostBytes: number;
  /** An input that takes longer has hung. */
  readonly hangMs: number;
  /** Of the thread's heap. */
  readonly heapMiB: number;
}

/** A thread knows nothing of the loader that its process began with. */
const LOADER = `import('tsx/esm/api').then(({ register }) => {
  register();
  return import(${JSON.stringify(new URL('./fuzz-worker.ts', import.meta.url).href)});
});`;
const SHOWN_BYTES = 256 * 1024;
const LOOK_EVERY_MS = 100;

/** @returns one result a decoder, in their order */
export async function fuzz(names: readonly string[], limits: FuzzLimits): Promise<FuzzResult[]> {
  const results: FuzzResult[] = [];
  // What hung or broke its thread has a result; the others go on in a new one.
  while (results.length < names.length) {
    results.push(...(await feed(names.slice(results.length), limits)));
  }
  return results;
}

function feed(
  names: readonly string[],
  { runs, seed, mostBytes, hangMs, heapMiB }: FuzzLimits,
): Promise<FuzzResult[]> {
  const shared = new SharedArrayBuffer(8 + SHOWN_BYTES);
  const state = new Int32Array(shared, 0, 2);
  const job: FuzzJob = { names, runs, seed, mostBytes, shared };
  const worker = new Worker(LOADER, {
    eval: true,
    workerData: job,
    resourceLimits: { maxOldGenerationSizeMb: heapMiB },
  });
  return new Promise((resolve) => {
    const results: FuzzResult[] = [];
    let seen = 0;
    let seenAtMs = performance.now();
    const end = (failure: string | null) => {
      clearInterval(watchdog);
      worker.removeAllListeners();
      worker.on('error', () => undefined);
      void worker.terminate();
      const name = names[results.length];
      if (failure !== null && name !== undefined) results.push({ ...NOTHING, name, failure });
      resolve(results);
    };
    const watchdog = setInterval(() => {
      const now = Atomics.load(state, 0);
      if (now === 0 || now !== seen) {
        seen = now;
        seenAtMs = performance.now();
      } else if (performance.now() - seenAtMs > hangMs) end(`hung for ${hangMs} ms\nof ${shown(shared)}`);
    }, LOOK_EVERY_MS);
    worker.on('message', (result: FuzzResult) => {
      results.push(result);
      if (results.length === names.length) end(null);
    });
    worker.on('error', (error) => end(`broke its thread: ${String(error)}\nof ${shown(shared)}`));
  });
}

const NOTHING = { tried: 0, refused: 0, slowestMs: 0, mostBytes: 0, codes: [] };

function shown(shared: SharedArrayBuffer): string {
  const length = Atomics.load(new Int32Array(shared, 0, 2), 1);
  return Buffer.from(new Uint8Array(shared, 8, length))
    .toString('base64')
    .slice(0, 4000);
}
