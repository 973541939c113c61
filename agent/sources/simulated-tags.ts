/** Who made a simulated part, from what: changes every few hundred parts, so that a short demo has slices to look at. */
import { SOURCE_VERSION_TAG, type Tags } from '../../protocol/tags.ts';
import type { Quality } from './milling-process.ts';
import { SampleTags } from './sample-tags.ts';

const SHIFTS = ['early', 'late', 'night'] as const;
const PARTS_A_SHIFT = 1200;
const OPERATORS = ['op-1', 'op-2', 'op-3', 'op-4', 'op-5'] as const;
const PARTS_AN_OPERATOR = 400;
const SUPPLIERS = ['north', 'south', 'east'] as const;
const PARTS_A_LOT = 250;

export class SimulatedTags {
  readonly #tags: SampleTags;

  constructor(constant: Readonly<Record<string, string>>) {
    const all = { [SOURCE_VERSION_TAG]: 'ai4i-2020', ...constant };
    this.#tags = new SampleTags(all, ['shift', 'operator', 'product', 'supplier']);
  }

  /** @param number of the part, from 1 */
  of(number: number, product: Quality): Tags {
    return this.#tags.of([
      turn(SHIFTS, number, PARTS_A_SHIFT),
      turn(OPERATORS, number, PARTS_AN_OPERATOR),
      product,
      turn(SUPPLIERS, number, PARTS_A_LOT),
    ]);
  }
}

function turn(values: readonly string[], number: number, parts: number): string {
  return values[Math.floor((number - 1) / parts) % values.length] as string;
}
