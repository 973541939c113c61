/** What an update costs: on the wire, against sending the package as a file; and at work, against not swapping at all. */
import type { BenchResult } from './result.ts';
import { runDelivery } from './update-delivery.ts';
import { runSwap } from './update-swap.ts';

export async function run(say: (line: string) => void): Promise<BenchResult> {
  const delivery = await runDelivery(say);
  const swap = await runSwap(say);
  return {
    name: 'update',
    ratios: { ...delivery.ratios, ...swap.ratios },
    figures: { ...delivery.figures, ...swap.figures },
    baseline:
      "the package's bytes; what the server sends for one device; memory after the first swaps, latency without a swap",
  };
}
