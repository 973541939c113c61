/** The answer to a request to infer: JSON, with the tensors that were asked for as binary behind it. Pure. */
import { agentError } from '../../errors.ts';
import { binarySize, writeBinary } from './binary-data.ts';
import { classified } from './classification.ts';
import type { OipTensor } from './datatype.ts';
import type { InferRequest, RequestedOutput } from './infer-request.ts';
import { writeJson } from './json-data.ts';

export interface InferAnswer {
  readonly model: string;
  readonly version: string;
  /** All outputs of the model. */
  readonly outputs: readonly OipTensor[];
  /** Label names of the values of the output by this name. */
  readonly labels: { readonly output: string; readonly names: readonly string[] };
  readonly parameters: Readonly<Record<string, unknown>>;
}

export interface InferResponse {
  readonly body: Buffer;
  /** Of the JSON; undefined when there is nothing but JSON. */
  readonly headerBytes: number | undefined;
}

/** @throws CodedError REQUEST_INVALID: an output that the model has not, or values that JSON cannot carry */
export function buildInferResponse(
  request: Pick<InferRequest, 'id' | 'outputs' | 'binaryOutput'>,
  answer: InferAnswer,
): InferResponse {
  const binary: OipTensor[] = [];
  const outputs = wantedOf(request, answer).map((output) => {
    const tensor = tensorOf(output, answer);
    if (!output.binary) return `{${placeOf(tensor)},"data":${writeJson(tensor)}}`;
    binary.push(tensor);
    return `{${placeOf(tensor)},"parameters":{"binary_data_size":${binarySize(tensor)}}}`;
  });
  const json =
    `{"model_name":${JSON.stringify(answer.model)},"model_version":${JSON.stringify(answer.version)}` +
    (request.id === undefined ? '' : `,"id":${JSON.stringify(request.id)}`) +
    `,"parameters":${JSON.stringify(answer.parameters)},"outputs":[${outputs.join(',')}]}`;
  if (binary.length === 0) return { body: Buffer.from(json), headerBytes: undefined };
  const headerBytes = Buffer.byteLength(json);
  const body = Buffer.allocUnsafe(binary.reduce((sum, tensor) => sum + binarySize(tensor), headerBytes));
  body.write(json);
  let at = headerBytes;
  for (const tensor of binary) at = writeBinary(tensor, body, at);
  return { body, headerBytes };
}

/** The outputs that were asked for, in that order. @throws CodedError REQUEST_INVALID: one that the model has not */
export function outputsOf(
  request: Pick<InferRequest, 'outputs' | 'binaryOutput'>,
  answer: InferAnswer,
): OipTensor[] {
  return wantedOf(request, answer).map((output) => tensorOf(output, answer));
}

function wantedOf(
  { outputs, binaryOutput }: Pick<InferRequest, 'outputs' | 'binaryOutput'>,
  answer: InferAnswer,
): readonly RequestedOutput[] {
  return outputs ?? answer.outputs.map(({ name }) => asAll(name, binaryOutput));
}

function tensorOf(
  { name, classification }: RequestedOutput,
  { model, outputs, labels }: InferAnswer,
): OipTensor {
  const tensor = outputs.find((output) => output.name === name);
  if (!tensor)
    throw agentError('REQUEST_INVALID', `unexpected inference output '${name}' for model '${model}'`);
  if (classification === 0) return tensor;
  return classified(tensor, classification, labels.output === name ? labels.names : []);
}

function placeOf({ name, datatype, shape }: OipTensor): string {
  return `"name":${JSON.stringify(name)},"datatype":"${datatype}","shape":[${shape.join(',')}]`;
}

function asAll(name: string, binary: boolean): RequestedOutput {
  return { name, binary, classification: 0 };
}
