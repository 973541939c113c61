/** What `andon analyze` found out; printed as it is with --json. */
import type { Manifest } from '../../protocol/manifest.ts';
import type { Advice } from './advice.ts';
import type { Agreement } from './agreement.ts';
import type { Sweep } from './sweep.ts';

export interface Analysis {
  readonly model: Pick<Manifest, 'name' | 'version' | 'tag' | 'precision'> & { readonly sizeBytes: number };
  /** Processor and cores, for people. */
  readonly machine: string;
  /** For the config lines. */
  readonly slot: string;
  readonly sweep: Sweep;
  readonly advice: Advice;
  readonly agreement: Agreement | null;
}
