/** Pulls one model out of MLflow and makes an unsigned package of it: looked up, downloaded under limits, converted, proven on the engine. */
import { posix } from 'node:path';
import { CodedError } from '../../protocol/errors.ts';
import { sha256Hex } from '../../protocol/keys.ts';
import { LIMITS } from '../../protocol/limits.ts';
import { baselineProfileSchema, type Manifest } from '../../protocol/manifest.ts';
import { firstIssues } from '../../protocol/messages.ts';
import type { ArtifactFolder } from '../../sync-server/mlflow/artifact-folder.ts';
import type { MlflowClient } from '../../sync-server/mlflow/mlflow-client.ts';
import { findModel, type ModelSource } from '../../sync-server/mlflow/model-source.ts';
import { cliError } from '../errors.ts';
import { weightFiles, withWeights } from './external-weights.ts';
import { FACTS, type Facts, metadataFacts, readFacts, withMetrics } from './facts.ts';
import { exampleRows, proveModel } from './golden-samples.ts';
import { type DraftParts, draftManifest } from './manifest-draft.ts';
import { type MlmodelFile, parseMlmodel } from './mlmodel-file.ts';
import { readOnnxGraph } from './onnx-graph.ts';

const MLMODEL_BYTES = 1024 * 1024;
const EXTRA_BYTES = 8 * 1024 * 1024;

export interface PullRequest {
  readonly client: MlflowClient;
  readonly uri: string;
  /** From the command line; they win. */
  readonly facts: Facts;
  /** A package of ours that lends what does not depend on the weights. */
  readonly earlier?: { readonly files: ReadonlyMap<string, Buffer>; readonly manifest: Manifest } | undefined;
  /** Contents of baseline.json and golden.json that win over those of the run. */
  readonly baseline?: Buffer | undefined;
  readonly golden?: Buffer | undefined;
}

export interface PulledModel {
  readonly manifest: Manifest;
  /** The whole package, manifest.json included. */
  readonly files: ReadonlyMap<string, Buffer>;
  /** Where the outputs of the golden samples come from. */
  readonly goldenFrom: 'training' | 'here';
}

/**
 * @throws CodedError MLFLOW_* of the client; MLFLOW_MODEL_UNSUPPORTED, MLFLOW_FACT_INVALID, MLFLOW_FACTS_MISSING; ENGINE_*,
 * GOLDEN_SAMPLES_FAILED where the real engine does not agree
 */
export async function pullModel(request: PullRequest): Promise<PulledModel> {
  const { client, earlier } = request;
  const source = await findModel(client, request.uri);
  const mlmodel = await readMlmodel(source.artifacts, request.uri);
  const onnx = await readOnnx(source.artifacts, mlmodel.onnxPath);
  const extras = await readExtras(source.extras);
  const baseline =
    request.baseline ?? extras.get('baseline.json') ?? earlier?.files.get(earlier.manifest.baselineProfile);
  const goldenFile = request.golden ?? extras.get('golden.json');
  const example =
    mlmodel.inputExample === undefined || goldenFile
      ? undefined
      : await source.artifacts.read(mlmodel.inputExample, EXTRA_BYTES);
  const earlierGolden = earlier?.files.get(earlier.manifest.golden.file);
  const draft = draftManifest({
    facts: factsOf(source, mlmodel, request.facts),
    fallback: fallbackOf(source),
    mlmodel,
    graph: readOnnxGraph(onnx),
    origin: originOf(client, source),
    earlier: earlier && { manifest: earlier.manifest, manifestSha256: hashOf(earlier.files) },
    hasBaseline: baseline !== undefined,
    hasGolden: (goldenFile ?? example ?? earlierGolden) !== undefined,
  });
  checkBaseline(draft, baseline ?? Buffer.alloc(0));
  const golden = await proveModel(
    draft,
    onnx,
    goldenFile
      ? { file: goldenFile }
      : { rows: example ? exampleRows(example, draft) : inputsOf(earlierGolden) },
  );
  const card = extras.get('card.md');
  const content = new Map<string, Buffer>([
    [draft.model.file, onnx],
    [draft.golden.file, goldenFile ?? Buffer.from(`${JSON.stringify(golden)}\n`)],
    [draft.baselineProfile, baseline ?? Buffer.alloc(0)],
    ...(card ? [['card.md', card] as const] : []),
  ]);
  const manifest: Manifest = { ...draft, files: entriesOf(content) };
  const files = new Map([
    ...content,
    ['manifest.json', Buffer.from(`${JSON.stringify(manifest, null, 2)}\n`)],
  ]);
  return { manifest, files, goldenFrom: goldenFile ? 'training' : 'here' };
}

async function readMlmodel(artifacts: ArtifactFolder, uri: string): Promise<MlmodelFile> {
  const files = await artifacts.list();
  if (files.has('MLmodel')) return parseMlmodel(await artifacts.read('MLmodel', MLMODEL_BYTES));
  throw cliError('MLFLOW_MODEL_UNSUPPORTED', `There is no MLmodel file at ${uri}.`, {
    hint: 'Name the folder that mlflow.onnx.log_model wrote: runs:/<run id>/<its name>.',
  });
}

/** As one file, of at most a package's size. */
async function readOnnx(artifacts: ArtifactFolder, path: string): Promise<Buffer> {
  const onnx = await artifacts.read(path, LIMITS.packageBytes);
  const weights = new Map<string, Buffer>();
  let sizeBytes = onnx.length;
  for (const file of weightFiles(onnx)) {
    const bytes = await artifacts.read(
      posix.join(posix.dirname(path), file),
      LIMITS.packageBytes - sizeBytes,
    );
    sizeBytes += bytes.length;
    weights.set(file, bytes);
  }
  return weights.size === 0 ? onnx : withWeights(onnx, weights);
}

/** Files that MLflow has no place for, as the run keeps them under `andon/`. */
async function readExtras(folder: ArtifactFolder | undefined): Promise<Map<string, Buffer>> {
  const extras = new Map<string, Buffer>();
  if (!folder) return extras;
  let there: ReadonlyMap<string, number>;
  try {
    there = await folder.list();
  } catch (error) {
    // A run that logged nothing of ours has no such folder.
    if (error instanceof CodedError && error.code === 'MLFLOW_NOT_FOUND') return extras;
    throw error;
  }
  for (const name of ['baseline.json', 'golden.json', 'card.md']) {
    if (there.has(name)) extras.set(name, await folder.read(name, EXTRA_BYTES));
  }
  return extras;
}

function factsOf(source: ModelSource, { metadata }: MlmodelFile, given: Facts): Facts {
  const { tags = [], metrics = [] } = source.run?.data ?? {};
  const tagged = readFacts(
    Object.fromEntries(
      tags.filter(({ key }) => key.startsWith('andon.')).map(({ key, value }) => [key, value]),
    ),
    'a tag of the run',
    false,
  );
  const facts = { ...tagged, ...metadataFacts(metadata), ...given };
  return withMetrics(facts, Object.fromEntries(metrics.map(({ key, value }) => [key, value])));
}

/** What MLflow says under names of its own, as far as it fits. */
function fallbackOf({ modelVersion, run }: ModelSource): DraftParts['fallback'] {
  const param = (key: string) => run?.data.params.find((each) => each.key === key)?.value;
  const seed = Number(param('seed') ?? param('random_state') ?? Number.NaN);
  return {
    name: FACTS.name.safeParse(modelVersion?.name).data,
    version: modelVersion?.version,
    summary: FACTS.summary.safeParse(modelVersion?.description).data,
    script: run?.data.tags.find(({ key }) => key === 'mlflow.source.name')?.value,
    seed: FACTS.seed.safeParse(seed).data,
  } as DraftParts['fallback'];
}

function originOf({ trackingUri }: MlflowClient, { modelVersion, run }: ModelSource): DraftParts['origin'] {
  return {
    trackingUri,
    ...(run ? { runId: run.info.run_id } : {}),
    ...(modelVersion ? { modelName: modelVersion.name, modelVersion: modelVersion.version } : {}),
  };
}

function checkBaseline(manifest: Manifest, bytes: Buffer): void {
  let value: unknown;
  try {
    value = JSON.parse(bytes.toString('utf8'));
  } catch {
    value = undefined;
  }
  const parsed = baselineProfileSchema.safeParse(value);
  const labels = manifest.output.decision.labels.length;
  const names = 'features' in manifest.input ? manifest.input.features.map(({ name }) => name) : undefined;
  const problem = !parsed.success
    ? firstIssues(parsed.error)
    : parsed.data.labelShares.length !== labels
      ? `labelShares has ${parsed.data.labelShares.length} shares for ${labels} labels`
      : names && parsed.data.features.map(({ name }) => name).join() !== names.join()
        ? `its features are not ${names.join(', ')}`
        : undefined;
  if (problem === undefined) return;
  throw cliError('MLFLOW_FACT_INVALID', `The baseline profile does not fit the model: ${problem}.`, {
    hint: 'protocol/manifest.ts says what baseline.json holds; models/training/baseline_profile.py writes it.',
  });
}

function inputsOf(golden: Buffer | undefined): number[][] {
  const { samples } = JSON.parse(String(golden)) as { samples: { input: number[] }[] };
  return samples.map(({ input }) => input);
}

function entriesOf(content: ReadonlyMap<string, Buffer>): Manifest['files'] {
  return Object.fromEntries(
    [...content].sort().map(([path, bytes]) => [path, { sha256: sha256Hex(bytes), sizeBytes: bytes.length }]),
  );
}

function hashOf(files: ReadonlyMap<string, Buffer>): string {
  return sha256Hex(files.get('manifest.json') ?? Buffer.alloc(0));
}
