/** Golden histories of evidence and the label that stands: what device and server must agree on. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Evidence } from '../../protocol/labels/standing-label.ts';

export interface LabelCase {
  readonly name: string;
  readonly history: readonly Evidence[];
  readonly stands: Partial<Evidence> | null;
}

export function labelCases(): LabelCase[] {
  const file = fileURLToPath(new URL('../golden/labels/histories.json', import.meta.url));
  const { usual, cases } = JSON.parse(readFileSync(file, 'utf8')) as {
    usual: Evidence;
    cases: { name: string; history: Partial<Evidence>[]; stands: Partial<Evidence> | null }[];
  };
  return cases.map((one) => ({
    ...one,
    history: one.history.map((evidence) => ({ ...usual, ...evidence })),
  }));
}
