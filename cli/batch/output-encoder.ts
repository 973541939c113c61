/** What answers are as bytes of the output file: one port for text and Parquet. */
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
