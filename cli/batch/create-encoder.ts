/** From the format of the output to its encoder. */
import type { OutputEncoder } from './output-encoder.ts';
import { ParquetEncoder } from './parquet-encoder.ts';
import type { OpenPlan } from './plan.ts';
import { csvHeader } from './text-output.ts';

/** @param resumed where a file is gone on with: its memory, and its bytes so far */
export function createEncoder(
  plan: OpenPlan,
  resumed: { readonly memory: string; readonly bytes: number } | null,
): OutputEncoder {
  if (plan.output.format === 'parquet') return new ParquetEncoder(plan, resumed);
  const nothing = new Uint8Array();
  const header = plan.output.format === 'csv' ? Buffer.from(csvHeader(plan)) : nothing;
  return {
    begin: () => header,
    add: (output) => (output instanceof Uint8Array ? output : nothing),
    isEven: () => true,
    end: () => nothing,
    memory: () => '',
  };
}
