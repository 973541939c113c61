/** Promise 7, and every edge: no bytes from outside crash a decoder, hang it, or take more memory than it may. */
import { describe, expect, it } from 'vitest';
import { tabulateFuzz } from '../faults/support/fault-table.ts';
import { times } from '../faults/support/form.ts';
import { DECODERS } from './support/decoders.ts';
import { type FuzzLimits, fuzz } from './support/fuzz.ts';
import { PLANTED } from './support/planted.ts';

const TEST_TIMEOUT_MS = 60 * 60_000;
const MIB = 1024 * 1024;
/** One input, on a machine that runs many tests at once. */
const SLOWEST_MS = 2000;
/** The largest that a valid input may become is a package, and its copy. */
const MOST_BYTES = 160 * MIB;
const LIMITS: FuzzLimits = {
  runs: times(500, 200_000),
  seed: Number(process.env.ANDON_FAULTS_SEED ?? 1),
  mostBytes: MOST_BYTES,
  hangMs: 10_000,
  heapMiB: 512,
};
const THREADS = 2;

describe('a decoder', () => {
  it.each(DECODERS)('takes valid input: $name', ({ decode, seeds }) => {
    for (const seed of seeds) expect(() => decode(seed)).not.toThrow();
  });

  it(
    'refuses whatever else comes with a code of ours, soon and in bounded memory',
    async () => {
      const names = DECODERS.map(({ name }) => name);
      const parts = Array.from({ length: THREADS }, (_, i) => names.filter((_name, k) => k % THREADS === i));
      const results = (await Promise.all(parts.map((part) => fuzz(part, LIMITS)))).flat();
      expect(results.filter(({ failure }) => failure !== null)).toEqual([]);
      for (const { name, tried, refused, slowestMs, mostBytes, codes } of results) {
        expect(tried, name).toBe(LIMITS.runs);
        expect(slowestMs, name).toBeLessThan(SLOWEST_MS);
        await tabulateFuzz({
          decoder: name,
          inputs: tried,
          refused,
          slowestMs,
          mostMiB: mostBytes / MIB,
          codes,
        });
      }
    },
    TEST_TIMEOUT_MS,
  );
});

describe('the fuzz itself', () => {
  it(
    'finds a bug that was planted in a decoder',
    async () => {
      const limits = { ...LIMITS, runs: 8000, hangMs: 2000 };
      const names = PLANTED.map(({ name }) => name);
      const results = await fuzz(names, limits);
      const found = results.filter(({ failure }) => failure !== null);
      expect(found.map(({ name }) => name)).toEqual(names);
    },
    TEST_TIMEOUT_MS,
  );
});
