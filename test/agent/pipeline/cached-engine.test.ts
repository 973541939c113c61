import { describe, expect, it } from 'vitest';
import type { EngineBatch, EngineResult } from '../../../agent/inference/engine.ts';
import { CacheWorth } from '../../../agent/pipeline/cache-worth.ts';
import { CachedEngine } from '../../../agent/pipeline/cached-engine.ts';

/** Answers each row [a, b] with [a + b, a - b], and remembers what it was asked. */
class SumEngine {
  readonly asked: number[] = [];

  async run(model: string, { rows, data }: EngineBatch): Promise<EngineResult> {
    this.asked.push(rows);
    const values = data as Float32Array;
    const sign = model === 'negative' ? -1 : 1;
    const output = new Float32Array(2 * rows);
    for (let row = 0; row < rows; row++) {
      const [a, b] = [values[2 * row] ?? 0, values[2 * row + 1] ?? 0];
      output.set([sign * (a + b), sign * (a - b)], 2 * row);
    }
    return { output, width: 2, computeUs: 10 * rows };
  }
}

function open(maxBytes = 1_000_000) {
  let nowUs = 0;
  const clock = { monotonicUs: () => (nowUs += 3), wallMs: () => 0 };
  const engine = new SumEngine();
  const lookups: [string, number, number][] = [];
  const onLookup = (...[model, hits, misses]: [string, number, number]) =>
    void lookups.push([model, hits, misses]);
  const cached = new CachedEngine({ engine, maxBytes, clock, onLookup });
  const run = async (rows: number[][], model = 'positive') => {
    const data = Float32Array.from(rows.flat());
    const { output, width } = await cached.run(model, { rows: rows.length, data });
    return rows.map((_, i) => [...output.subarray(i * width, (i + 1) * width)]);
  };
  return { engine, cached, run, lookups };
}

describe('the engine behind a cache', () => {
  it('runs only the rows that are new, and answers all in their order', async () => {
    const { engine, run, lookups } = open();
    expect(
      await run([
        [1, 2],
        [3, 4],
      ]),
    ).toEqual([
      [3, -1],
      [7, -1],
    ]);
    expect(
      await run([
        [5, 1],
        [3, 4],
        [1, 2],
        [6, 6],
      ]),
    ).toEqual([
      [6, 4],
      [7, -1],
      [3, -1],
      [12, 0],
    ]);
    expect(
      await run([
        [6, 6],
        [5, 1],
      ]),
    ).toEqual([
      [12, 0],
      [6, 4],
    ]);
    expect(engine.asked).toEqual([2, 2]);
    expect(lookups).toEqual([
      ['positive', 0, 2],
      ['positive', 2, 2],
      ['positive', 2, 0],
    ]);
  });

  it('keeps what one model says apart from what another one says', async () => {
    const { run } = open();
    expect([await run([[1, 2]]), await run([[1, 2]], 'negative')]).toEqual([[[3, -1]], [[-3, 1]]]);
  });

  it('tells what it found, holds and cost', async () => {
    const { cached, run } = open(700);
    for (let i = 0; i < 4; i++)
      await run([
        [i, 0],
        [0, 0],
      ]);
    expect(cached.figures()).toMatchObject({ hits: 3, misses: 5, evictions: 2, maxBytes: 700, hurts: false });
    expect(cached.figures().bytes).toBeLessThanOrEqual(700);
    expect(cached.figures().computeUs).toBe(50);
    expect(cached.figures().hashUs).toBe(12);
  });
});

describe('whether a cache pays', () => {
  const batch = { rows: 4096, hashUs: 4096, computeUs: 0 };

  it('says nothing before some thousand rows were looked up', () => {
    const worth = new CacheWorth();
    worth.add({ rows: 4095, hits: 0, hashUs: 4095, computeUs: 4095 });
    expect(worth.verdict).toBeNull();
  });

  it('hurts when hashing takes longer than the engine would have for what was found', () => {
    const worth = new CacheWorth();
    worth.add({ ...batch, hits: 400, computeUs: 3696 * 2 });
    expect(worth.verdict?.hurts).toBe(true);
    worth.add({ ...batch, hits: 400, computeUs: 3696 * 50 });
    expect(worth.verdict?.hurts).toBe(false);
  });

  it('hurts when nothing is ever found, and does not when all is', () => {
    const worth = new CacheWorth();
    worth.add({ ...batch, hits: 0, computeUs: 4096 * 1000 });
    expect(worth.verdict?.hurts).toBe(true);
    worth.add({ ...batch, hits: 4096 });
    expect(worth.verdict?.hurts).toBe(false);
  });
});
