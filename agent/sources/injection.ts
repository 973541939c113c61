/** What a person or the demo may do to the simulated line while it runs, and how it changes the parts. */
import { z } from 'zod';
import { type Part, PROCESS_VALUES, type ProcessValue } from './milling-process.ts';
import type { Random } from './random.ts';

const feature = z.enum(PROCESS_VALUES);

export const injectionSchema = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('drift'),
    feature,
    /** In the feature's unit, reached after `overSamples` parts in equal steps and kept. */
    shift: z.number().min(-10_000).max(10_000),
    overSamples: z.int().min(1).max(10_000_000).default(1),
  }),
  z.strictObject({
    kind: z.literal('sensor-fault'),
    feature,
    fault: z.enum(['stuck', 'missing', 'noise']),
  }),
  z.strictObject({ kind: z.literal('clear') }),
]);
export type Injection = z.infer<typeof injectionSchema>;

type Fault = Extract<Injection, { kind: 'sensor-fault' }>['fault'];

/** Noise of a broken sensor: three standard deviations of the healthy feature. */
const NOISE_SD = {
  air_temperature_k: 6,
  process_temperature_k: 4.5,
  rotational_speed_rpm: 540,
  torque_nm: 30,
  tool_wear_min: 190,
} as const satisfies Record<ProcessValue, number>;

/** Drift moves the process itself, so failures follow from it; a sensor fault only spoils what is reported. */
export class Injections {
  readonly #random: Random;
  readonly #drifts = new Map<ProcessValue, { shift: number; overSamples: number; seen: number }>();
  readonly #faults = new Map<ProcessValue, { fault: Fault; stuckAt: number | undefined }>();

  constructor(random: Random) {
    this.#random = random;
  }

  /** One drift and one fault a feature: a later one replaces an earlier one. */
  apply(injection: Injection): void {
    switch (injection.kind) {
      case 'drift':
        this.#drifts.set(injection.feature, { ...injection, seen: 0 });
        break;
      case 'sensor-fault':
        this.#faults.set(injection.feature, { fault: injection.fault, stuckAt: undefined });
        break;
      case 'clear':
        this.#drifts.clear();
        this.#faults.clear();
    }
  }

  /** What to add to the next part's values. */
  drift(): Partial<Record<ProcessValue, number>> {
    const offsets: Partial<Record<ProcessValue, number>> = {};
    for (const [name, drift] of this.#drifts) {
      drift.seen = Math.min(drift.seen + 1, drift.overSamples);
      offsets[name] = (drift.shift * drift.seen) / drift.overSamples;
    }
    return offsets;
  }

  /** The values as the sensors report them. */
  reported(values: Part['values']): Record<string, number | string | null> {
    const reported: Record<string, number | string | null> = { ...values };
    for (const [name, fault] of this.#faults) {
      if (fault.fault === 'missing') reported[name] = null;
      else if (fault.fault === 'noise') reported[name] = this.#random.normal(values[name], NOISE_SD[name]);
      else reported[name] = fault.stuckAt ??= values[name];
    }
    return reported;
  }
}
