/** The parts of MLflow's answers that are used (REST API 2.0, MLflow 2 and 3); whatever else they hold is ignored. */
import { z } from 'zod';

const tags = z.array(z.object({ key: z.string(), value: z.string() })).default([]);

/** Proto JSON writes an int64 as a number or as a string. */
const integer = z.coerce.number().pipe(z.int().min(1));
const runId = z.string().regex(/^[0-9a-f]{32}$/);

const modelVersion = z.object({
  name: z.string().min(1).max(256),
  version: integer,
  status: z.string().default('READY'),
  description: z.string().default(''),
  source: z.string().default(''),
  run_id: z.union([runId, z.literal('')]).default(''),
});
export type ModelVersion = z.infer<typeof modelVersion>;

export const modelVersionAnswer = z.object({ model_version: modelVersion });
export const downloadUriAnswer = z.object({ artifact_uri: z.string() });

/** MLflow 3 keeps models beside runs. */
export const loggedModelAnswer = z.object({
  model: z.object({
    info: z.object({
      model_id: z.string(),
      name: z.string().default(''),
      artifact_uri: z.string(),
      source_run_id: z.union([runId, z.literal('')]).default(''),
    }),
  }),
});

const run = z.object({
  info: z.object({ run_id: runId, artifact_uri: z.string().default('') }),
  data: z
    .object({
      metrics: z.array(z.object({ key: z.string(), value: z.number() })).default([]),
      params: tags,
      tags,
    })
    .prefault({}),
  outputs: z
    .object({
      model_outputs: z
        .array(z.object({ model_id: z.string() }))
        .max(1000)
        .default([]),
    })
    .prefault({}),
});
export type Run = z.infer<typeof run>;
export const runAnswer = z.object({ run });

export const artifactListAnswer = z.object({
  files: z
    .array(
      z.object({
        path: z.string(),
        is_dir: z.boolean().default(false),
        file_size: z.coerce.number().min(0).default(0),
      }),
    )
    .max(1000)
    .default([]),
});
