/**
 * What a slot's inputs looked like in the last window, as a device tells it: sums alone, of constant size, that add up over
 * devices. Travels as an event of the kind `input-profile`, one text an input.
 */
import { z } from 'zod';
import type { EventRecord } from '../records.ts';
import type { FeatureStatistics } from './feature-statistics.ts';

export const INPUT_PROFILE_KIND = 'input-profile';
/** Inputs that drift go first, the others in their order. */
const MAX_FEATURES = 64;
/** Of one text of an event's data. */
const MAX_CHARS = 512;

const count = z.int().min(0);
const share = z.number().min(0).max(1);

const featureSchema = z.object({
  name: z.string().min(1).max(64),
  samples: count,
  missing: count,
  counts: z.array(count).min(1).max(256),
  /** In baseline standard deviations from the baseline's mean. */
  mean: z.number(),
  autocorrelation: z.number(),
  /** One a bin. */
  baseline: z.array(share).min(1).max(256),
  categorical: z.boolean(),
  /** When the device called it drifting; null while it does not. */
  sinceMs: count.nullable(),
});

const headSchema = z.object({
  model: z.string().regex(/^[0-9a-f]{64}$/),
  /** That the baseline was made from. */
  baselineRows: z.int().min(1),
});

export type ProfiledFeature = z.infer<typeof featureSchema>;
export interface InputProfile extends z.infer<typeof headSchema> {
  readonly features: readonly ProfiledFeature[];
}

/** Inputs whose text would be too long (very many bins) are left out. */
export function profileData({ model, baselineRows, features }: InputProfile): EventRecord['data'] {
  const byDrift = [...features].sort((a, b) => Number(b.sinceMs !== null) - Number(a.sinceMs !== null));
  const texts = byDrift
    .slice(0, MAX_FEATURES)
    .map((feature) => JSON.stringify(shortened(feature)))
    .filter((text) => text.length <= MAX_CHARS);
  return { model, baselineRows, ...Object.fromEntries(texts.map((text, i) => [`input-${i}`, text])) };
}

/** @returns undefined for data that are no profile; an input that cannot be read is left out */
export function parseProfile(data: EventRecord['data']): InputProfile | undefined {
  const head = headSchema.safeParse(data);
  if (!head.success) return undefined;
  const texts = Object.entries(data).flatMap(([key, value]) =>
    key.startsWith('input-') && typeof value === 'string' ? [value] : [],
  );
  return { ...head.data, features: texts.slice(0, MAX_FEATURES).flatMap(parsedFeature) };
}

export function statisticsOf(feature: ProfiledFeature): FeatureStatistics {
  const { samples, missing, counts, mean, autocorrelation } = feature;
  return { samples, missing, counts, mean, autocorrelation };
}

function parsedFeature(text: string): ProfiledFeature[] {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return [];
  }
  const feature = featureSchema.safeParse(value);
  const fits = feature.success && feature.data.counts.length === feature.data.baseline.length;
  return fits ? [feature.data] : [];
}

function shortened(feature: ProfiledFeature): ProfiledFeature {
  const round = (value: number) => Math.round(value * 1e4) / 1e4;
  return {
    ...feature,
    mean: round(feature.mean),
    autocorrelation: round(feature.autocorrelation),
    baseline: feature.baseline.map(round),
  };
}
