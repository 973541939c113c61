/** One thread that feeds decoders, and shows the input that it is at, so that a watchdog can tell what hung it. */
import { getHeapStatistics } from 'node:v8';
import { parentPort, workerData } from 'node:worker_threads';
import fc from 'fast-check';
import { CodedError } from '../../../protocol/errors.ts';
import { DECODERS } from './decoders.ts';
import type { FuzzJob, FuzzResult } from './fuzz.ts';
import { inputs } from './mutations.ts';
import { PLANTED } from './planted.ts';

const SUSPECT_MS = 100;
const AGAIN = 3;

const { names, runs, seed, mostBytes: allowedBytes, shared } = workerData as FuzzJob;
const state = new Int32Array(shared, 0, 2);
const current = new Uint8Array(shared, 8);

for (const name of names) parentPort?.postMessage(fuzz(name));

function fuzz(name: string): FuzzResult {
  const decoder = [...DECODERS, ...PLANTED].find((each) => each.name === name);
  if (!decoder) throw new Error(`no decoder "${name}"`);
  const codes = new Set<string>();
  let tried = 0;
  let refused = 0;
  let slowestMs = 0;
  let mostBytes = 0;
  const property = fc.property(inputs([...decoder.seeds, ...(decoder.hostile ?? [])]), (bytes) => {
    show(bytes);
    tried += 1;
    const before = bytesInUse();
    const attempt = () => {
      const startedMs = performance.now();
      const code = codeOfRefusal(() => decoder.decode(bytes));
      return { code, tookMs: performance.now() - startedMs };
    };
    const first = attempt();
    const { code } = first;
    let { tookMs } = first;
    const tookBytes = bytesInUse() - before;
    if (tookBytes > allowedBytes) throw new RangeError(`took ${tookBytes} bytes of memory`);
    mostBytes = Math.max(mostBytes, tookBytes);
    // A machine that does other things held this thread up; a slow input is slow each time.
    for (let again = 0; again < AGAIN && tookMs > SUSPECT_MS; again++) {
      tookMs = Math.min(tookMs, attempt().tookMs);
    }
    slowestMs = Math.max(slowestMs, tookMs);
    if (code === undefined) return;
    refused += 1;
    codes.add(code);
  });
  const found = fc.check(property, { numRuns: runs, seed, endOnFailure: true });
  const failure = found.failed ? describe(found.counterexample?.[0], found.errorInstance) : null;
  return { name, tried, refused, slowestMs, mostBytes, codes: [...codes].sort(), failure };
}

/** @throws what is no error of ours */
function codeOfRefusal(decode: () => unknown): string | undefined {
  try {
    decode();
    return undefined;
  } catch (error) {
    if (error instanceof CodedError) return error.code;
    throw error;
  }
}

function show(bytes: Buffer): void {
  current.set(bytes.subarray(0, current.length));
  Atomics.store(state, 1, Math.min(bytes.length, current.length));
  Atomics.add(state, 0, 1);
}

/** What the collector has not taken yet counts too: so much was allocated at least. */
function bytesInUse(): number {
  const { used_heap_size, external_memory } = getHeapStatistics();
  return used_heap_size + external_memory;
}

function describe(bytes: Buffer | undefined, error: unknown): string {
  const words = error instanceof Error ? `${error.stack ?? error.message}` : String(error);
  return `${words.slice(0, 1000)}\nof ${bytes?.toString('base64').slice(0, 4000)}`;
}
