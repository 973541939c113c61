/** A request to infer: JSON, or JSON and raw tensors behind it, or one raw tensor alone. Pure. */
import { z } from 'zod';
import { firstIssues } from '../../../protocol/messages.ts';
import { agentError } from '../../errors.ts';
import { countOf } from '../../inference/tensor.ts';
import { readBinary } from './binary-data.ts';
import { ARRAY_OF, DATATYPES, type Datatype, type OipTensor } from './datatype.ts';
import { parseExact } from './exact-json.ts';
import { readJson } from './json-data.ts';
import { OIP_LIMITS } from './oip-limits.ts';

/** A part number, or one a row; where a row is of no known part, null. */
const correlationIds = z.union([
  z.string().max(OIP_LIMITS.nameChars),
  z.array(z.string().max(OIP_LIMITS.nameChars).nullable()).max(OIP_LIMITS.rows),
]);

export const requestParameters = z.looseObject({
  binary_data_output: z.boolean().default(false),
  /** Ours: later evidence names the part by it. */
  correlation_id: correlationIds.optional(),
  /** Sequences are of the client's own concern: no model here keeps state between requests. */
  sequence_id: z.union([z.int().min(0), z.string()]).optional(),
  priority: z.int().min(0).max(OIP_LIMITS.priority).default(0),
  /** Microseconds; 0: none. */
  timeout: z.int().min(0).default(0),
});

const tensorName = z.string().min(1).max(OIP_LIMITS.nameChars);
const sharedMemory = z.never('shared memory is not supported').optional();

const inputSchema = z.object({
  name: tensorName,
  datatype: z.enum(DATATYPES as [Datatype, ...Datatype[]]),
  shape: z.array(z.int().min(0)).max(OIP_LIMITS.rank),
  parameters: z
    .looseObject({ binary_data_size: z.int().min(0).optional(), shared_memory_region: sharedMemory })
    .optional(),
  data: z.array(z.unknown()).optional(),
});

const outputSchema = z.object({
  name: tensorName,
  parameters: z
    .looseObject({
      binary_data: z.boolean().optional(),
      classification: z.int().min(0).optional(),
      shared_memory_region: sharedMemory,
    })
    .optional(),
});

const requestSchema = z.object({
  id: z.string().max(OIP_LIMITS.nameChars).optional(),
  parameters: requestParameters.prefault({}),
  inputs: z.array(inputSchema).min(1).max(OIP_LIMITS.tensors),
  outputs: z.array(outputSchema).max(OIP_LIMITS.tensors).optional(),
});

export interface RequestedOutput {
  readonly name: string;
  readonly binary: boolean;
  /** The best so many of each row as text, in place of the values; 0: the values. */
  readonly classification: number;
}

export interface InferRequest {
  readonly id: string | undefined;
  readonly inputs: readonly OipTensor[];
  /** Null: all that the model has. */
  readonly outputs: readonly RequestedOutput[] | null;
  /** How outputs go that are not named in `outputs`. */
  readonly binaryOutput: boolean;
  readonly correlationId: string | readonly (string | null)[] | null;
  readonly priority: number;
  /** 0: none. */
  readonly timeoutUs: number;
}

/** What is known of a model's input; -1 is a free dimension. */
export interface InputSpec {
  readonly name: string;
  readonly datatype: Datatype;
  readonly shape: readonly number[];
}

/**
 * @param headerBytes of the JSON, as `Inference-Header-Content-Length` says; undefined: all is JSON; 0: all is one tensor
 * @param inputs of the model, for that one tensor
 * @throws CodedError REQUEST_INVALID
 */
export function parseInferRequest(
  body: Buffer,
  headerBytes: number | undefined,
  inputs: readonly InputSpec[],
): InferRequest {
  if (headerBytes === 0) return rawRequest(body, inputs);
  const end = headerBytes ?? body.length;
  if (end > body.length) {
    throw invalid(`the JSON has ${end} bytes by its header, and the whole body has ${body.length}`);
  }
  const request = requestSchema.safeParse(jsonOf(body.toString('utf8', 0, end)));
  if (!request.success) throw invalid(firstIssues(request.error));
  const { id, parameters, outputs } = request.data;
  return {
    id,
    inputs: tensorsOf(request.data.inputs, body.subarray(end)),
    outputs:
      outputs?.map((output) => ({
        name: output.name,
        binary: output.parameters?.binary_data ?? parameters.binary_data_output,
        classification: output.parameters?.classification ?? 0,
      })) ?? null,
    binaryOutput: parameters.binary_data_output,
    correlationId: parameters.correlation_id ?? null,
    priority: parameters.priority,
    timeoutUs: parameters.timeout,
  };
}

/** The tensors behind the JSON lie there in the order of the inputs that name their bytes. */
function tensorsOf(inputs: readonly z.infer<typeof inputSchema>[], tail: Buffer): OipTensor[] {
  let at = 0;
  const tensors = inputs.map(({ name, datatype, shape, parameters, data }) => {
    const tensor = { name, datatype, shape };
    checkCount(name, shape);
    const size = parameters?.binary_data_size;
    if (size === undefined) {
      if (!data) throw invalid(`input '${name}' has neither 'data' nor 'binary_data_size'`);
      return { ...tensor, data: readJson(tensor, data) };
    }
    if (data) throw invalid(`input '${name}' has both 'data' and 'binary_data_size'`);
    if (at + size > tail.length) throw invalid(`input '${name}' goes beyond the end of the body`);
    at += size;
    return { ...tensor, data: readBinary(tensor, tail.subarray(at - size, at)) };
  });
  if (at !== tail.length) throw invalid(`${tail.length - at} bytes of the body belong to no input`);
  return tensors;
}

/** One input without a word on it: what its shape leaves open follows from the number of bytes. */
function rawRequest(body: Buffer, inputs: readonly InputSpec[]): InferRequest {
  const [input] = inputs;
  if (!input || inputs.length !== 1) {
    throw invalid(`a raw binary request is for models with one input; this one has ${inputs.length}`);
  }
  const tensor = { ...input, shape: shapeOfRaw(input, body) };
  return {
    id: undefined,
    inputs: [{ ...tensor, data: readBinary(tensor, body) }],
    outputs: null,
    binaryOutput: true,
    correlationId: null,
    priority: 0,
    timeoutUs: 0,
  };
}

function shapeOfRaw({ name, datatype, shape }: InputSpec, body: Buffer): number[] {
  const free = shape.filter((size) => size < 0).length;
  if (free > 1) throw invalid(`a raw binary request needs at most one free dimension; '${name}' has ${free}`);
  // One element of BYTES: where the next would begin, nothing says.
  if (datatype === 'BYTES') return shape.map((size) => Math.abs(size));
  const rowBytes = countOf(shape.map(Math.abs)) * ARRAY_OF[datatype].BYTES_PER_ELEMENT;
  return shape.map((size) => (size < 0 ? Math.floor(body.length / rowBytes) : size));
}

/** @throws CodedError REQUEST_INVALID: more values than a body could hold */
export function checkCount(name: string, shape: readonly number[]): void {
  if (countOf(shape) > OIP_LIMITS.bodyBytes) throw invalid(`input '${name}' has too many values`);
}

function jsonOf(text: string): unknown {
  try {
    return parseExact(text);
  } catch (error) {
    throw agentError('REQUEST_INVALID', `failed to parse the request JSON: ${(error as Error).message}`, {
      cause: error,
    });
  }
}

function invalid(message: string) {
  return agentError('REQUEST_INVALID', message);
}
