/** What answers are as bytes of the output file: one port for text and Parquet. */

import { ParquetEncoder } from './parquet-encoder.ts';
import type { OpenPlan } from './plan.ts';
import { csvHeader } from './text-output.ts';
import type { Answer } from './worker-messages.ts';

export interface OutputEncoder {
  /** First bytes of a new file. */
  begin(): Uint8Array;
  /** @returns bytes to append now; what is missing comes with a later answer */
  add(output: Answer['output']): Uint8Array;
  /** Whether all that was added has come out: only then may a part end. */
  isEven(): boolean;
  /** Last bytes of the file. */
  end(): Uint8Array;
  /** What it must know again to go on with this file. */
  memory(): string;
}

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
