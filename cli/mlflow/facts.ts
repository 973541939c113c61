/**
 * What a manifest says and MLflow has no place for: `andon.*` facts, from the command line, the model's metadata, the run's
 * tags and metrics, in this order. The keys and their values are those of the manifest.
 */
import { z } from 'zod';
import { manifestSchema } from '../../protocol/manifest.ts';
import { cliError } from '../errors.ts';

const { shape } = manifestSchema;
const [featuresKind, windowKind, tensorKind] = shape.input.options;
const lineage = shape.lineage.shape;

/** Without the baseline's and the offline value where run metrics have them. */
const metric = z.strictObject({
  name: shape.metric.shape.name,
  beta: shape.metric.shape.beta,
  offline: z.number().optional(),
  baseline: z.strictObject({ name: z.string(), value: z.number().optional() }).optional(),
});

/** Numbers may come as text: a tag of a run is always text, and lists and objects in it are JSON. */
export const FACTS = {
  name: shape.name,
  version: shape.version,
  tag: shape.tag.unwrap(),
  summary: shape.summary,
  precision: shape.precision,
  /** A whole `input` of the manifest without `tensor`, which the graph knows. */
  input: z.discriminatedUnion('kind', [
    featuresKind.omit({ tensor: true }),
    windowKind.omit({ tensor: true }),
    tensorKind.omit({ tensor: true }),
  ]),
  features: featuresKind.shape.features,
  labels: z.array(z.string().min(1)).min(2).max(1000),
  threshold: z.number(),
  /** Of a regression: where its bands meet. */
  edges: z.array(z.number()).min(1),
  unit: z.string().max(16),
  output: z.string().min(1),
  metric,
  tolerance: z.number().positive(),
  dataset: lineage.dataset,
  dataSha256: lineage.dataSha256,
  script: lineage.script,
  seed: lineage.seed,
} as const;

type FactName = keyof typeof FACTS;
export type Facts = { readonly [K in FactName]?: z.infer<(typeof FACTS)[K]> };

const PREFIX = 'andon.';

/**
 * @param values by name, with or without `andon.`
 * @param where for the words of an error
 * @param strict refuses names that are no facts; tags of ours that tell of rollouts are not
 * @throws CodedError MLFLOW_FACT_INVALID
 */
export function readFacts(values: Readonly<Record<string, unknown>>, where: string, strict: boolean): Facts {
  const facts: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(values)) {
    const name = key.startsWith(PREFIX) ? key.slice(PREFIX.length) : key;
    if (isFact(name)) facts[name] = factOf(name, value, where);
    else if (strict) {
      throw cliError('MLFLOW_FACT_INVALID', `${where} says "${key}", which is no fact of a model.`, {
        hint: `There are: ${Object.keys(FACTS).join(', ')}. See docs/mlflow.md.`,
      });
    }
  }
  return facts as Facts;
}

/** `metadata: {andon: {labels: …}}` and `metadata: {andon.labels: …}` say the same. */
export function metadataFacts(metadata: Readonly<Record<string, unknown>>): Facts {
  const { andon } = metadata;
  const nested = typeof andon === 'object' && andon !== null ? { ...andon } : {};
  const dotted = Object.fromEntries(Object.entries(metadata).filter(([key]) => key.startsWith(PREFIX)));
  return readFacts({ ...dotted, ...nested }, 'the metadata of the MLmodel file', true);
}

/** The run's metrics `andon.offline` and `andon.baseline` stand in for the values that the metric lacks. */
export function withMetrics(facts: Facts, metrics: Readonly<Record<string, number>>): Facts {
  const found = facts.metric;
  if (!found) return facts;
  const offline = found.offline ?? metrics[`${PREFIX}offline`];
  const value = found.baseline?.value ?? metrics[`${PREFIX}baseline`];
  return {
    ...facts,
    metric: {
      ...found,
      ...(offline === undefined ? {} : { offline }),
      ...(found.baseline
        ? { baseline: { ...found.baseline, ...(value === undefined ? {} : { value }) } }
        : {}),
    },
  };
}

function isFact(name: string): name is FactName {
  return Object.hasOwn(FACTS, name);
}

function factOf(name: FactName, value: unknown, where: string): unknown {
  const schema: z.ZodType = FACTS[name];
  for (const candidate of [value, jsonOf(value)]) {
    const parsed = schema.safeParse(candidate);
    if (parsed.success) return parsed.data;
  }
  const shown = typeof value === 'string' ? value : JSON.stringify(value);
  throw cliError(
    'MLFLOW_FACT_INVALID',
    `${where} says andon.${name} = ${shown?.slice(0, 200)}, which does not fit.`,
    {
      hint: `Wanted: ${JSON.stringify(z.toJSONSchema(schema, { io: 'input' })).slice(0, 400)}`,
    },
  );
}

function jsonOf(value: unknown): unknown {
  if (typeof value !== 'string') return undefined;
  try {
    return JSON.parse(value);
  } catch {
    return undefined;
  }
}
