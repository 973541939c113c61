/** What an update costs: on the wire, against sending the package as a file. */
import type { BenchResult } from './result.ts';
import { runDelivery } from './update-delivery.ts';

export async function run(say: (line: string) => void): Promise<BenchResult> {
  const delivery = await runDelivery(say);
  return {
    name: 'update',
    ratios: delivery.ratios,
    figures: delivery.figures,
    baseline: 'the bytes of the whole package; for the server, what it sends for one device',
  };
}
