/** Between the infer messages of gRPC and the request and answer that HTTP has too. Pure. */
import { z } from 'zod';
import { firstIssues } from '../../../protocol/messages.ts';
import { agentError } from '../../errors.ts';
import { countOf } from '../../inference/tensor.ts';
import { binarySize, readBinary, writeBinary } from '../oip/binary-data.ts';
import { ARRAY_OF, DATATYPES, type Datatype, type OipTensor } from '../oip/datatype.ts';
import { checkCount, type InferRequest, requestParameters } from '../oip/infer-request.ts';
import { type InferAnswer, outputsOf } from '../oip/infer-response.ts';
import { OIP_LIMITS } from '../oip/oip-limits.ts';
import { INFER_REQUEST, INFER_RESPONSE } from './oip-messages.ts';
import { decodeMessage, encodeMessage } from './protobuf.ts';

const text = z.string().max(OIP_LIMITS.nameChars);
const parameters = z
  .array(z.object({ key: text, value: z.record(z.string(), z.unknown()) }))
  .max(OIP_LIMITS.tensors)
  .transform((entries) => Object.fromEntries(entries.map(({ key, value }) => [key, plain(value)])));

const inferSchema = z.object({
  model_name: text,
  model_version: text.default(''),
  id: text.optional(),
  parameters,
  inputs: z
    .array(
      z.object({
        name: text.min(1),
        datatype: z.enum(DATATYPES as [Datatype, ...Datatype[]]),
        shape: z
          .array(z.bigint().min(0n).max(BigInt(Number.MAX_SAFE_INTEGER)))
          .max(OIP_LIMITS.rank)
          .transform((sizes) => sizes.map(Number)),
        contents: z.record(z.string(), z.array(z.unknown())).optional(),
      }),
    )
    .min(1)
    .max(OIP_LIMITS.tensors),
  outputs: z.array(z.object({ name: text.min(1), parameters })).max(OIP_LIMITS.tensors),
  raw_input_contents: z.array(z.instanceof(Buffer)).max(OIP_LIMITS.tensors),
});

/** Part numbers, one a row: a parameter of gRPC has no lists. */
const idList = z.array(z.string().nullable());

type InferMessage = z.infer<typeof inferSchema>;

/** @throws CodedError REQUEST_INVALID */
export function readInferMessage(bytes: Buffer): InferMessage {
  const message = inferSchema.safeParse(decodeMessage(INFER_REQUEST, bytes));
  if (!message.success) throw agentError('REQUEST_INVALID', firstIssues(message.error));
  return message.data;
}

/** @param deadlineUs what is left of the call's own; 0: none @throws CodedError REQUEST_INVALID */
export function inferRequestOf(message: InferMessage, deadlineUs: number): InferRequest {
  const given = requestParameters.safeParse(message.parameters);
  if (!given.success) throw agentError('REQUEST_INVALID', firstIssues(given.error));
  const { correlation_id = null, priority, timeout } = given.data;
  return {
    id: message.id,
    inputs: tensorsOf(message),
    outputs:
      message.outputs.length === 0
        ? null
        : message.outputs.map(({ name, parameters: wish }) => ({
            name,
            binary: true,
            classification: countIn(name, wish.classification),
          })),
    binaryOutput: true,
    correlationId: correlation_id,
    priority,
    timeoutUs: timeout || deadlineUs,
  };
}

function tensorsOf({ inputs, raw_input_contents: raw }: InferMessage): OipTensor[] {
  if (raw.length > 0 && raw.length !== inputs.length) {
    throw invalid(`there are ${inputs.length} inputs and ${raw.length} raw_input_contents`);
  }
  return inputs.map(({ contents, ...tensor }, i) => {
    checkCount(tensor.name, tensor.shape);
    const bytes = raw[i];
    return { ...tensor, data: bytes ? readBinary(tensor, bytes) : typedData(tensor, contents ?? {}) };
  });
}

/** In which field the values of a type stand; there is none for FP16. */
const CONTENTS: Partial<Record<Datatype, string>> = {
  BOOL: 'bool_contents',
  INT8: 'int_contents',
  INT16: 'int_contents',
  INT32: 'int_contents',
  INT64: 'int64_contents',
  UINT8: 'uint_contents',
  UINT16: 'uint_contents',
  UINT32: 'uint_contents',
  UINT64: 'uint64_contents',
  FP32: 'fp32_contents',
  FP64: 'fp64_contents',
  BYTES: 'bytes_contents',
};

function typedData(
  { name, datatype, shape }: Omit<OipTensor, 'data'>,
  contents: Readonly<Record<string, readonly unknown[]>>,
): OipTensor['data'] {
  const values = contents[CONTENTS[datatype] ?? ''] ?? [];
  const count = countOf(shape);
  if (values.length !== count) {
    throw invalid(
      `input '${name}' has ${values.length} values of ${datatype}, where its shape makes ${count}`,
    );
  }
  if (datatype === 'BYTES') return values as readonly Buffer[];
  const data = new ARRAY_OF[datatype](count);
  for (const [i, value] of values.entries()) {
    const number = typeof value === 'boolean' ? Number(value) : (value as number | bigint);
    data[i] = number;
    // FP32 comes as float, so that nothing is rounded here.
    if (data[i] !== number && !Number.isNaN(number))
      throw invalid(`input '${name}': ${number} is no ${datatype}`);
  }
  return data;
}

/** @throws CodedError REQUEST_INVALID: an output that the model has not */
export function inferResponseOf(request: InferRequest, answer: InferAnswer): Buffer {
  const outputs = outputsOf(request, answer);
  return encodeMessage(INFER_RESPONSE, {
    model_name: answer.model,
    model_version: answer.version,
    id: request.id,
    parameters: Object.entries(answer.parameters)
      .filter(([, value]) => value !== undefined)
      .map(([key, value]) => ({ key, value: parameterOf(value) })),
    outputs: outputs.map(({ name, datatype, shape }) => ({ name, datatype, shape })),
    raw_output_contents: outputs.map((tensor) => {
      const bytes = Buffer.allocUnsafe(binarySize(tensor));
      writeBinary(tensor, bytes, 0);
      return bytes;
    }),
  });
}

/** A parameter is one value: a list goes as its JSON. */
function parameterOf(value: unknown): Readonly<Record<string, unknown>> {
  if (typeof value === 'number') return { double_param: value };
  return { string_param: typeof value === 'string' ? value : JSON.stringify(value) };
}

/** What stands in an InferParameter, as JSON would have it: whole numbers as numbers, a list of ids from its JSON. */
function plain(value: Readonly<Record<string, unknown>>): unknown {
  const [given] = Object.values(value);
  if (typeof given === 'bigint') return Number(given);
  if (typeof given !== 'string' || !given.startsWith('[')) return given;
  try {
    return idList.parse(JSON.parse(given));
  } catch {
    return given;
  }
}

function countIn(name: string, value: unknown): number {
  if (value === undefined) return 0;
  if (Number.isSafeInteger(value) && (value as number) >= 0) return value as number;
  throw invalid(`the classification of output '${name}' is no number`);
}

function invalid(message: string) {
  return agentError('REQUEST_INVALID', message);
}
