/**
 * The manifest of a model package: one immutable folder, identified by the sha256 of its `manifest.json` bytes.
 * A package folder holds manifest.json and the files that it lists; that it may run stands in signed metadata (trusted-set.ts).
 */
import { z } from 'zod';
import { DTYPES } from './dtypes.ts';

const sha256 = z.string().regex(/^[0-9a-f]{64}$/, 'a lower-case hex sha256');
const name = z.string().regex(/^[a-z0-9][a-z0-9-]{0,62}$/, 'lower-case letters, digits and dashes');

/** One input of a tabular model, in the order of the tensor's columns. Ranges are physical limits, not quantiles. */
const feature = z.strictObject({
  name: z.string().min(1).max(64),
  unit: z.string().max(16).default(''),
  /** A category is sent to the graph as its index in `categories`, as a float32. */
  categories: z.array(z.string()).min(2).max(256).optional(),
  min: z.number().optional(),
  max: z.number().optional(),
});

const featureInput = z.strictObject({
  kind: z.literal('features'),
  /** The ONNX input: float32 [batch, features.length]; scaling and one-hot happen inside the graph. */
  tensor: z.string(),
  features: z.array(feature).min(1).max(1024),
});

/** The last `length` values of one feature, oldest first: float32 [batch, length]. */
const windowInput = z.strictObject({
  kind: z.literal('window'),
  tensor: z.string(),
  features: z.array(feature).length(1),
  length: z.int().min(2).max(4096),
  /** A prediction is made every `stride` samples once the window is full. */
  stride: z.int().min(1).default(1),
});

/** A whole tensor made by the source, for example a grey image: [batch, ...shape]. */
const tensorInput = z.strictObject({
  kind: z.literal('tensor'),
  tensor: z.string(),
  dtype: z.enum(['float32', 'uint8']),
  /** Without the batch dimension, for example [1, 64, 64] (channel, row, column). */
  shape: z.array(z.int().min(1)).min(1).max(4),
});

/** Any inputs, as requests bring them. Samples are run together only where every shape begins with a free dimension. */
const tensorsInput = z.strictObject({
  kind: z.literal('tensors'),
  tensors: z
    .array(
      z.strictObject({
        name: z.string().min(1).max(256),
        dtype: z.enum(DTYPES),
        /** The graph's own, batch dimension included; -1 for a free one. */
        shape: z.array(z.union([z.literal(-1), z.int().min(1)])).max(8),
      }),
    )
    .min(1)
    .max(64)
    .refine(
      (tensors) => new Set(tensors.map((each) => each.name)).size === tensors.length,
      'two tensors with the same name',
    ),
});

/** An encoded picture (JPEG, PNG, WebP, …), decoded and fitted on the device: uint8 [batch, ...layout]. */
const imageInput = z.strictObject({
  kind: z.literal('image'),
  tensor: z.string(),
  /** Pixels. */
  width: z.int().min(1).max(4096),
  height: z.int().min(1).max(4096),
  /** 1: grey; 3: red, green, blue. */
  channels: z.union([z.literal(1), z.literal(3)]),
  layout: z.enum(['nchw', 'nhwc']),
  /** `fill` stretches, `contain` adds black borders, `cover` cuts off what is too much. */
  fit: z.enum(['fill', 'contain', 'cover']),
});

const unit = z.string().max(16).default('');
const twoLabels = z.array(z.string()).length(2);

const decision = z.discriminatedUnion('kind', [
  /** The label of the largest of `labels.length` outputs; the score is that output. */
  z.strictObject({
    kind: z.literal('argmax'),
    labels: z.array(z.string()).min(2).max(1000),
    /** An answer to a request names so many labels, best first; the record keeps the first. */
    topK: z.int().min(1).max(1000).optional(),
  }),
  /** One output (a probability): labels[1] when it is >= threshold, else labels[0]. */
  z
    .strictObject({
      kind: z.literal('threshold'),
      labels: twoLabels,
      threshold: z.number(),
      /** Once at labels[1], it stays there until the output falls below this. */
      release: z.number().optional(),
    })
    .refine(({ threshold, release = threshold }) => release <= threshold, {
      path: ['release'],
      message: 'not above the threshold',
    }),
  /** One output (a regression), in bands: labels[i] from edges[i-1] up to below edges[i]. The score is the output. */
  z
    .strictObject({
      kind: z.literal('bands'),
      labels: z.array(z.string()).min(2).max(1000),
      edges: z.array(z.number()).min(1),
      unit,
    })
    .refine(({ labels, edges }) => edges.length === labels.length - 1, {
      path: ['edges'],
      message: 'one less than there are labels',
    })
    .refine(({ edges }) => edges.every((edge, i) => i === 0 || edge > (edges[i - 1] as number)), {
      path: ['edges'],
      message: 'not ascending',
    }),
  /** One output, how unusual the sample is: labels[1] from the threshold on, as for `threshold`. */
  z
    .strictObject({
      kind: z.literal('anomaly'),
      labels: twoLabels,
      threshold: z.number(),
      release: z.number().optional(),
      unit,
      /** False where small outputs are the unusual ones (a likelihood): then labels[1] is at <= threshold. */
      higherIsWorse: z.boolean().default(true),
    })
    .refine(
      ({ threshold, release = threshold, higherIsWorse }) =>
        higherIsWorse ? release <= threshold : release >= threshold,
      { path: ['release'], message: 'on the unusual side of the threshold' },
    ),
]);

/** The one number the model is judged by, and what it must beat. */
const metric = z.strictObject({
  /** `f-beta` is computed on labels[1] as the positive class; `macro-f1` over all labels. */
  name: z.enum(['f-beta', 'macro-f1', 'accuracy']),
  beta: z.number().positive().optional(),
  /** Measured on held-out data before release. */
  offline: z.number(),
  baseline: z.strictObject({ name: z.string(), value: z.number() }),
});

export const manifestSchema = z.strictObject({
  formatVersion: z.literal(1),
  name,
  /** Counts up from 1 a name (Open Inference Protocol versions are integers). */
  version: z.int().min(1),
  /** A word on the version for people, for example `worse-on-purpose`. */
  tag: name.optional(),
  summary: z.string().min(1).max(280),
  precision: z.enum(['float32', 'int8']),
  model: z.strictObject({ file: z.string(), opset: z.int().min(7) }),
  input: z.discriminatedUnion('kind', [featureInput, windowInput, tensorInput, tensorsInput, imageInput]),
  /** The ONNX output that the decision reads: float32 [batch, k]. */
  output: z.strictObject({ tensor: z.string(), decision }),
  metric,
  golden: z.strictObject({ file: z.string(), tolerance: z.number().positive() }),
  baselineProfile: z.string(),
  lineage: z.strictObject({
    dataset: z.string(),
    dataSha256: sha256,
    script: z.string(),
    seed: z.int(),
    parent: sha256.optional(),
    /** Where it came from, when it was pulled from MLflow; by this an alias there finds the package here. */
    mlflow: z
      .strictObject({
        trackingUri: z.string().max(512),
        /** Absent for a model that was logged outside of a run. */
        runId: z
          .string()
          .regex(/^[0-9a-f]{32}$/)
          .optional(),
        /** The registered model and its version; absent when it was pulled from a run alone. */
        modelName: z.string().min(1).max(256).optional(),
        modelVersion: z.int().min(1).optional(),
      })
      .optional(),
  }),
  /** Every file of the package but manifest.json. Paths are relative, with forward slashes. */
  files: z.record(z.string().min(1).max(200), z.strictObject({ sha256, sizeBytes: z.int().min(0) })),
});

export type Manifest = z.infer<typeof manifestSchema>;
export type Feature = z.infer<typeof feature>;
export type Decision = z.infer<typeof decision>;
export type TensorsInput = z.infer<typeof tensorsInput>;
export type ImageInput = z.infer<typeof imageInput>;
export type Metric = z.infer<typeof metric>;

const goldenSample = z
  .strictObject({
    /** Row-major input values of one sample (a uint8 tensor as numbers 0..255). */
    input: z.array(z.number()).default([]),
    /** For a model of images, in place of `input`: the bytes of an encoded picture. */
    image: z.base64().min(1).optional(),
    /** For a model of tensors: one a graph's input, row-major; 64-bit integers as decimal text, float16 as their 16 bits. */
    tensors: z
      .array(
        z.strictObject({
          name: z.string(),
          shape: z.array(z.int().min(1)).max(8),
          data: z.array(z.union([z.number(), z.string(), z.boolean()])),
        }),
      )
      .min(1)
      .optional(),
    output: z.array(z.number()).min(1),
    /** Index of the true label, where known. */
    label: z.int().min(0).optional(),
  })
  .refine(
    ({ input, image, tensors }) =>
      [input.length > 0, image !== undefined, tensors !== undefined].filter(Boolean).length === 1,
    'one of input, image and tensors',
  );

/** golden.json: inputs with the outputs that the trained model gave, for the self-test on the device. */
export const goldenSchema = z.strictObject({ samples: z.array(goldenSample).min(1).max(512) });

/** baseline.json: what the training data looked like, for drift. `edges` are inner cut points of the bins. */
export const baselineProfileSchema = z
  .strictObject({
    rows: z.int().min(1),
    features: z.array(
      z.strictObject({
        name: z.string(),
        mean: z.number(),
        std: z.number(),
        /** k-1 ascending cut points and k shares that sum to 1. A category has one bin an index. */
        edges: z.array(z.number()),
        shares: z.array(z.number()),
      }),
    ),
    /**
     * Correlations of the features' grades (drift/correlation-shift.ts): the upper triangle row by row, in the order of
     * `features`. Absent in older packages, and with more than 64 features.
     */
    correlations: z.array(z.number().min(-1).max(1)).max(2016).optional(),
    /** Share of predictions for each label on the training data. */
    labelShares: z.array(z.number()),
  })
  .refine(
    ({ features: { length: k }, correlations }) =>
      correlations === undefined || correlations.length === (k * (k - 1)) / 2,
    { path: ['correlations'], message: 'one a pair of features' },
  );

export type Golden = z.infer<typeof goldenSchema>;
export type GoldenSample = Golden['samples'][number];
export type BaselineProfile = z.infer<typeof baselineProfileSchema>;

/** A short human name: `milling-failure 3 (worse-on-purpose)`. */
export function modelTitle(manifest: { name: string; version: number; tag?: string | undefined }): string {
  return `${manifest.name} ${manifest.version}${manifest.tag ? ` (${manifest.tag})` : ''}`;
}
