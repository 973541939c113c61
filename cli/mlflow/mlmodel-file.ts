/** MLmodel, the file that says what an MLflow model is: read, checked, and everything but an ONNX model with a signature refused. */
import { parse } from 'yaml';
import { z } from 'zod';
import { firstIssues } from '../../protocol/messages.ts';
import { isSafePath } from '../../protocol/package-index.ts';
import { cliError } from '../errors.ts';

/** numpy's names. */
const tensorSpec = z.object({ dtype: z.string(), shape: z.array(z.int()) });

const tensorColumn = z.object({
  name: z.string().optional(),
  type: z.literal('tensor'),
  'tensor-spec': tensorSpec,
});
const plainColumn = z.object({ name: z.string().optional(), type: z.string() });

/** Of one side: either tensors or columns. A size of -1 is free. */
export type SignatureSide =
  | { readonly kind: 'tensors'; readonly tensors: readonly SignatureTensor[] }
  | { readonly kind: 'columns'; readonly columns: readonly { name: string | undefined; type: string }[] };

export interface SignatureTensor {
  readonly name: string | undefined;
  readonly dtype: string;
  readonly shape: readonly number[];
}

export interface MlmodelFile {
  /** Path of the ONNX file in the model's folder. */
  readonly onnxPath: string;
  readonly inputs: SignatureSide;
  readonly outputs: SignatureSide | undefined;
  readonly inputExample: string | undefined;
  /** What its author put there; ours stands under `andon`. */
  readonly metadata: Readonly<Record<string, unknown>>;
}

const fileSchema = z.object({
  flavors: z.record(z.string(), z.record(z.string(), z.unknown())),
  signature: z
    .object({ inputs: z.string().nullish(), outputs: z.string().nullish(), params: z.string().nullish() })
    .nullish(),
  saved_input_example_info: z.object({ artifact_path: z.string() }).nullish(),
  metadata: z.record(z.string(), z.unknown()).nullish(),
});

/** @throws CodedError MLFLOW_MODEL_UNSUPPORTED */
export function parseMlmodel(bytes: Buffer): MlmodelFile {
  let value: unknown;
  try {
    value = parse(bytes.toString('utf8'));
  } catch (cause) {
    throw unsupported('its MLmodel file is not YAML', AGAIN, cause);
  }
  const parsed = fileSchema.safeParse(value);
  if (!parsed.success) throw unsupported(`its MLmodel file is odd: ${firstIssues(parsed.error)}`, AGAIN);
  const { flavors, signature, saved_input_example_info, metadata } = parsed.data;
  const path = flavors.onnx?.data;
  if (flavors.onnx === undefined) {
    const found = Object.keys(flavors).join(', ') || 'none';
    throw unsupported(
      `it has no onnx flavor (it has: ${found})`,
      'Devices run ONNX alone. Convert the model (skl2onnx, torch.onnx, tf2onnx) and log it with mlflow.onnx.log_model.',
    );
  }
  if (typeof path !== 'string' || !isSafePath(path)) {
    throw unsupported('its onnx flavor names no file', AGAIN);
  }
  if (!signature?.inputs) {
    throw unsupported(
      'it has no signature',
      'Log it again with signature=mlflow.models.infer_signature(inputs, outputs).',
    );
  }
  if (signature.params && signature.params !== '[]') {
    throw unsupported(
      'its signature has parameters',
      'Make them part of the graph: a device has none to give.',
    );
  }
  const example = saved_input_example_info?.artifact_path;
  return {
    onnxPath: path,
    inputs: sideOf(signature.inputs, 'inputs'),
    outputs: signature.outputs ? sideOf(signature.outputs, 'outputs') : undefined,
    inputExample: example !== undefined && isSafePath(example) ? example : undefined,
    metadata: metadata ?? {},
  };
}

/** JSON inside of a YAML string. */
function sideOf(text: string, side: string): SignatureSide {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw unsupported(`its signature’s ${side} are not JSON`, AGAIN, cause);
  }
  const tensors = z.array(tensorColumn).min(1).max(64).safeParse(value);
  if (tensors.success) {
    return {
      kind: 'tensors',
      tensors: tensors.data.map((each) => ({ name: each.name, ...each['tensor-spec'] })),
    };
  }
  const columns = z.array(plainColumn).min(1).max(1024).safeParse(value);
  if (!columns.success || columns.data.some(({ type }) => type === 'tensor')) {
    throw unsupported(`its signature’s ${side} are neither tensors nor columns`, AGAIN);
  }
  return { kind: 'columns', columns: columns.data.map(({ name, type }) => ({ name, type })) };
}

const AGAIN = 'Log it again with a current MLflow: mlflow.onnx.log_model.';

function unsupported(why: string, hint: string, cause?: unknown): Error {
  return cliError('MLFLOW_MODEL_UNSUPPORTED', `This model cannot run on a device: ${why}.`, {
    hint,
    ...(cause === undefined ? {} : { cause }),
  });
}
