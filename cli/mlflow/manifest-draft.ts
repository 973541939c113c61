/** A manifest out of all that is known of a pulled model, or the whole list of what is missing. Pure. */
import { type Decision, type Manifest, manifestSchema } from '../../protocol/manifest.ts';
import { firstIssues } from '../../protocol/messages.ts';
import { cliError } from '../errors.ts';
import { FACTS, type Facts } from './facts.ts';
import { graphInput } from './graph-input.ts';
import type { MlmodelFile } from './mlmodel-file.ts';
import type { OnnxGraph } from './onnx-graph.ts';

export interface DraftParts {
  readonly facts: Facts;
  /** What MLflow itself says, where no fact does. */
  readonly fallback: Pick<Facts, 'name' | 'version' | 'summary' | 'script' | 'seed'>;
  readonly mlmodel: Pick<MlmodelFile, 'inputs'>;
  readonly graph: OnnxGraph;
  readonly origin: NonNullable<Manifest['lineage']['mlflow']>;
  /** An earlier version of ours: it lends what does not depend on the weights. */
  readonly earlier?: { readonly manifest: Manifest; readonly manifestSha256: string } | undefined;
  /** Whether a baseline profile, and inputs for golden samples, are at hand. */
  readonly hasBaseline: boolean;
  readonly hasGolden: boolean;
}

/** Of a model that answers its golden samples on another CPU; int8 kernels round differently. */
const TOLERANCE = { float32: 0.001, int8: 0.02 } as const;
const INT8_OPS = /^(QLinear|DequantizeLinear|DynamicQuantizeLinear|MatMulInteger|ConvInteger)/;

/**
 * @returns the manifest with no files listed yet
 * @throws CodedError MLFLOW_MODEL_UNSUPPORTED, MLFLOW_FACTS_MISSING with everything at once
 */
export function draftManifest(parts: DraftParts): Manifest {
  const { facts, fallback, graph, earlier, origin } = parts;
  const missing: string[] = [];
  const need = <T>(value: T | undefined, words: string): T | undefined => {
    if (value === undefined) missing.push(words);
    return value;
  };
  const input = graphInput(graph, parts.mlmodel.inputs, facts, earlier?.manifest.input);
  if (typeof input === 'string') missing.push(input);
  const output = outputOf(graph, facts.output);
  const labels = need(
    facts.labels ?? earlier?.manifest.output.decision.labels,
    'andon.labels: what the outputs mean, in order',
  );
  const decision = labels && decisionOf(labels, output.width, facts);
  if (typeof decision === 'string') missing.push(decision);
  const was = earlier?.manifest.metric;
  const metric = {
    name: need(
      facts.metric?.name ?? was?.name,
      'andon.metric: {"name": "f-beta" | "macro-f1" | "accuracy", …}',
    ),
    beta: facts.metric?.beta ?? was?.beta,
    offline: need(
      facts.metric?.offline,
      'andon.metric.offline: its value on held-out data (or the run’s metric andon.offline)',
    ),
    baseline: {
      name: need(
        facts.metric?.baseline?.name ?? was?.baseline.name,
        'andon.metric.baseline.name: what it must beat',
      ),
      value: need(
        facts.metric?.baseline?.value ?? was?.baseline.value,
        'andon.metric.baseline.value (or the run’s metric andon.baseline)',
      ),
    },
  };
  if (!parts.hasBaseline)
    missing.push(
      'baseline.json: how the training data look (the run’s artifact andon/baseline.json, or --baseline)',
    );
  if (!parts.hasGolden)
    missing.push(
      'inputs for golden samples (input_example when logging, the run’s artifact andon/golden.json, or --golden)',
    );
  const precision = facts.precision ?? ([...graph.ops].some((op) => INT8_OPS.test(op)) ? 'int8' : 'float32');
  const draft = {
    formatVersion: 1,
    name: need(
      facts.name ?? earlier?.manifest.name ?? fallback.name,
      'andon.name: lower-case letters, digits and dashes (or --as)',
    ),
    version: need(
      facts.version ?? (earlier ? earlier.manifest.version + 1 : fallback.version),
      'andon.version: counts up from 1 (or --as)',
    ),
    tag: facts.tag,
    summary: need(
      facts.summary ?? earlier?.manifest.summary ?? fallback.summary,
      'andon.summary: one sentence on what it does',
    ),
    precision,
    model: { file: 'model.onnx', opset: graph.opset },
    input,
    output: { tensor: output.name, decision },
    metric,
    golden: {
      file: 'golden.json',
      tolerance: facts.tolerance ?? earlier?.manifest.golden.tolerance ?? TOLERANCE[precision],
    },
    baselineProfile: 'baseline.json',
    lineage: {
      dataset: need(facts.dataset, 'andon.dataset: name and terms of the training data'),
      dataSha256: need(facts.dataSha256, 'andon.dataSha256: hash of the training data'),
      script: need(facts.script ?? fallback.script, 'andon.script: what made it'),
      seed: need(facts.seed ?? fallback.seed, 'andon.seed: a whole number'),
      parent: earlier?.manifestSha256,
      mlflow: origin,
    },
    files: {},
  };
  if (missing.length > 0) {
    throw cliError(
      'MLFLOW_FACTS_MISSING',
      `A package needs what MLflow does not say of this model:\n${missing.map((each) => `  - ${each}`).join('\n')}`,
      {
        hint: `Set them as metadata of the model, as tags of the run, or with --fact name=value (${Object.keys(FACTS).slice(0, 3).join(', ')}, …); --manifest-from <folder> takes what an earlier version says. See docs/mlflow.md.`,
      },
    );
  }
  // Undefined members are gone, as in the file.
  const parsed = manifestSchema.safeParse(JSON.parse(JSON.stringify(draft)));
  if (parsed.success) return parsed.data;
  throw cliError('MLFLOW_MODEL_UNSUPPORTED', `This model makes no package: ${firstIssues(parsed.error)}.`, {
    hint: 'protocol/manifest.ts says what each part may be; a fact can set it (docs/mlflow.md).',
  });
}

/** @returns its name, and its values a sample (0: the graph leaves that open) */
function outputOf(graph: OnnxGraph, wanted: string | undefined): { name: string; width: number } {
  const candidates = graph.outputs.filter(
    ({ name, dtype, shape }) => dtype === 'float32' && shape.length === 2 && (wanted ?? name) === name,
  );
  const [output] = candidates;
  if (output && candidates.length === 1) {
    const width = output.shape[1];
    return { name: output.name, width: typeof width === 'number' ? width : 0 };
  }
  const all = graph.outputs
    .map(
      ({ name, dtype, shape }) =>
        `"${name}" ${dtype ?? 'no tensor'} [${shape.map((d) => d || '?').join(', ')}]`,
    )
    .join(', ');
  throw cliError(
    'MLFLOW_MODEL_UNSUPPORTED',
    `This model cannot run on a device: ${candidates.length === 0 ? 'no' : 'more than one'} output of its graph is float32 [batch, k]${wanted === undefined ? '' : ` and called "${wanted}"`}; it gives ${all || 'nothing'}.`,
    {
      hint:
        candidates.length === 0
          ? 'Export probabilities as one tensor (for scikit-learn: convert_sklearn(…, options={"zipmap": False})).'
          : 'Say which one: andon.output.',
    },
  );
}

function decisionOf(
  labels: readonly string[],
  width: number,
  { threshold, edges, unit = '' }: Facts,
): Decision | string {
  if (edges) return bandsOf(labels, width, edges, unit);
  const kind = width === 1 || (width === 0 && threshold !== undefined) ? 'threshold' : 'argmax';
  const count = kind === 'threshold' ? 2 : width || labels.length;
  if (labels.length !== count) {
    return `andon.labels with ${count} labels: the graph gives ${width || 'as many'} ${width === 1 ? 'value' : 'values'} a sample, and there are ${labels.length}`;
  }
  if (kind === 'argmax') return { kind, labels: [...labels] };
  if (threshold === undefined) return `andon.threshold: from which value on it is "${labels[1]}"`;
  return { kind, labels: [...labels], threshold };
}

function bandsOf(
  labels: readonly string[],
  width: number,
  edges: readonly number[],
  unit: string,
): Decision | string {
  if (width > 1) return `andon.edges are for one value a sample: the graph gives ${width}`;
  if (edges.length === labels.length - 1)
    return { kind: 'bands', labels: [...labels], edges: [...edges], unit };
  return `andon.edges with ${edges.length} edges: they part ${edges.length + 1} bands, and there are ${labels.length} labels`;
}
