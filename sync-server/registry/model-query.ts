/** What a search of the registry asks, and whether a model answers it. Pure. */
import { z } from 'zod';
import { MODEL_STAGES } from '../store/model-marks.ts';
import type { ModelView } from '../views/model.ts';

/** All that are given must hold. */
export const modelQuerySchema = z.strictObject({
  /** Every word stands somewhere in title, summary, note, data set or script; without regard to case. */
  text: z.string().max(200).exactOptional(),
  name: z.string().max(63).exactOptional(),
  alias: z.string().max(63).exactOptional(),
  stage: z.enum(MODEL_STAGES).exactOptional(),
  /** Name of the model's one metric. */
  metric: z.string().max(64).exactOptional(),
  /** The offline value is at least this. */
  atLeast: z.coerce.number().exactOptional(),
  /** The beginning of the sha256 of the training data. */
  dataSha256: z
    .string()
    .regex(/^[0-9a-f]{4,64}$/, 'the beginning of a lower-case hex sha256, 4 digits or more')
    .exactOptional(),
});

export type ModelQuery = z.infer<typeof modelQuerySchema>;

export function matchesQuery(model: ModelView, query: ModelQuery): boolean {
  const { text, name, alias, stage, metric, atLeast, dataSha256 } = query;
  return (
    (name === undefined || model.name === name) &&
    (alias === undefined || model.aliases.includes(alias)) &&
    (stage === undefined || model.stage === stage) &&
    (metric === undefined || model.metric.name === metric) &&
    (atLeast === undefined || model.metric.offline >= atLeast) &&
    (dataSha256 === undefined || model.lineage.dataSha256.startsWith(dataSha256)) &&
    (text === undefined || hasWords(model, text))
  );
}

function hasWords(model: ModelView, text: string): boolean {
  const { title, summary, notes, lineage, aliases } = model;
  const { dataset, script, mlflow } = lineage;
  const haystack = [title, summary, notes, dataset, script, mlflow?.modelName, mlflow?.runId, ...aliases]
    .join('\n')
    .toLowerCase();
  const words = text.toLowerCase().split(/\s+/);
  return words.every((word) => haystack.includes(word));
}
