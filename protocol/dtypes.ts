/** Element types of tensors, by their ONNX names in lower case. Apart from the manifest's schema: the engine process needs no more. */
export const DTYPES = [
  'float32',
  'float64',
  'float16',
  'int8',
  'uint8',
  'int16',
  'uint16',
  'int32',
  'uint32',
  'int64',
  'uint64',
  'bool',
  'string',
] as const;

export type Dtype = (typeof DTYPES)[number];
