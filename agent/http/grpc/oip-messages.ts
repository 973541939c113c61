/** The messages of `inference.GRPCInferenceService`, as far as they are spoken here (Triton's grpc_service.proto, model_config.proto). */
import type { Field, Message } from './protobuf.ts';

const one = (name: string, type: Field['type']): Field => ({ name, type });
const many = (name: string, type: Field['type']): Field => ({ name, type, repeated: true });

const choice = (name: string, type: Field['type']): Field => ({ name, type, oneOf: true });
const parameter: Message = {
  1: choice('bool_param', 'bool'),
  2: choice('int64_param', 'int64'),
  3: choice('string_param', 'string'),
  4: choice('double_param', 'double'),
  5: choice('uint64_param', 'uint64'),
};
const parameters = many('parameters', { 1: one('key', 'string'), 2: one('value', parameter) });

const contents: Message = {
  1: many('bool_contents', 'bool'),
  2: many('int_contents', 'int32'),
  3: many('int64_contents', 'int64'),
  4: many('uint_contents', 'uint32'),
  5: many('uint64_contents', 'uint64'),
  6: many('fp32_contents', 'float'),
  7: many('fp64_contents', 'double'),
  8: many('bytes_contents', 'bytes'),
};

const place = { 1: one('name', 'string'), 2: one('datatype', 'string'), 3: many('shape', 'int64') };

export const MODEL_NAME: Message = { 1: one('name', 'string'), 2: one('version', 'string') };
export const LIVE: Message = { 1: one('live', 'bool') };
export const READY: Message = { 1: one('ready', 'bool') };

export const SERVER_METADATA: Message = {
  1: one('name', 'string'),
  2: one('version', 'string'),
  3: many('extensions', 'string'),
};

export const MODEL_METADATA: Message = {
  1: one('name', 'string'),
  2: many('versions', 'string'),
  3: one('platform', 'string'),
  4: many('inputs', place),
  5: many('outputs', place),
};

export const INFER_REQUEST: Message = {
  1: one('model_name', 'string'),
  2: one('model_version', 'string'),
  3: one('id', 'string'),
  4: parameters,
  5: many('inputs', { ...place, 4: parameters, 5: one('contents', contents) }),
  6: many('outputs', { 1: one('name', 'string'), 2: parameters }),
  7: many('raw_input_contents', 'bytes'),
};

export const INFER_RESPONSE: Message = {
  1: one('model_name', 'string'),
  2: one('model_version', 'string'),
  3: one('id', 'string'),
  4: parameters,
  5: many('outputs', place),
  6: many('raw_output_contents', 'bytes'),
};

const configTensor = (dims: number): Message => ({
  1: one('name', 'string'),
  2: one('data_type', 'int32'),
  [dims]: many('dims', 'int64'),
});

export const MODEL_CONFIG: Message = {
  1: one('config', {
    1: one('name', 'string'),
    2: one('platform', 'string'),
    4: one('max_batch_size', 'int32'),
    5: many('input', configTensor(4)),
    6: many('output', configTensor(3)),
    11: one('dynamic_batching', {}),
    17: one('backend', 'string'),
    19: one('model_transaction_policy', { 1: one('decoupled', 'bool') }),
  }),
};

const duration: Message = { 1: one('count', 'uint64'), 2: one('ns', 'uint64') };

export const MODEL_STATISTICS: Message = {
  1: many('model_stats', {
    1: one('name', 'string'),
    2: one('version', 'string'),
    3: one('last_inference', 'uint64'),
    4: one('inference_count', 'uint64'),
    5: one('execution_count', 'uint64'),
    6: one('inference_stats', {
      1: one('success', duration),
      2: one('fail', duration),
      3: one('queue', duration),
      4: one('compute_input', duration),
      5: one('compute_infer', duration),
      6: one('compute_output', duration),
      7: one('cache_hit', duration),
      8: one('cache_miss', duration),
    }),
  }),
};

export const REPOSITORY_INDEX: Message = {
  1: many('models', {
    1: one('name', 'string'),
    2: one('version', 'string'),
    3: one('state', 'string'),
    4: one('reason', 'string'),
  }),
};

/** `inference.DataType` of a model's configuration. */
export const CONFIG_TYPES: readonly string[] = [
  'TYPE_INVALID',
  'TYPE_BOOL',
  'TYPE_UINT8',
  'TYPE_UINT16',
  'TYPE_UINT32',
  'TYPE_UINT64',
  'TYPE_INT8',
  'TYPE_INT16',
  'TYPE_INT32',
  'TYPE_INT64',
  'TYPE_FP16',
  'TYPE_FP32',
  'TYPE_FP64',
  'TYPE_STRING',
];
