import { describe, expect, it } from 'vitest';
import { parseInferRequest } from '../../../../agent/http/oip/infer-request.ts';

const FREE_ROWS = [{ name: 'x', datatype: 'FP32', shape: [-1, 2] }] as const;

const jsonBody = (value: unknown) => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value));
const input = (more: object) => ({ name: 'x', datatype: 'FP32', shape: [2, 2], ...more });
const parseJson = (value: unknown) => parseInferRequest(jsonBody(value), undefined, FREE_ROWS);
const dataOf = (more: object) => [...(parseJson({ inputs: [input(more)] }).inputs[0]?.data ?? [])];

function binaryBody(header: object, ...tensors: readonly ArrayBufferView[]) {
  const json = jsonBody(header);
  const raw = tensors.map(
    ({ buffer, byteOffset, byteLength }) => new Uint8Array(buffer, byteOffset, byteLength),
  );
  return { body: Buffer.concat([json, ...raw]), headerBytes: json.length };
}
const parseBinary = ({ body, headerBytes }: ReturnType<typeof binaryBody>) =>
  parseInferRequest(body, headerBytes, FREE_ROWS);

describe('a request in JSON', () => {
  it('takes values nested as the shape says, or flat', () => {
    expect(dataOf({ data: [1, 2, 3, 4] })).toEqual([1, 2, 3, 4]);
    const nested = [
      [1, 2],
      [3, 4],
    ];
    expect(dataOf({ data: nested })).toEqual([1, 2, 3, 4]);
  });

  it('keeps whole numbers of 64 bits exact', () => {
    const text =
      '{"inputs":[{"name":"x","datatype":"INT64","shape":[3],"data":[9223372036854775807,-9223372036854775808,7]}]}';
    const [tensor] = parseJson(text).inputs;
    expect(tensor?.data).toEqual(BigInt64Array.of(2n ** 63n - 1n, -(2n ** 63n), 7n));
  });

  it('leaves digits inside of strings alone', () => {
    const text =
      '{"id":"\\"12345678901234567890","inputs":[{"name":"x","datatype":"UINT64","shape":[1],"data":[18446744073709551615]}]}';
    const { id, inputs } = parseJson(text);
    expect(id).toBe('"12345678901234567890');
    expect(inputs[0]?.data).toEqual(BigUint64Array.of(2n ** 64n - 1n));
  });

  it('reads a long number of a float tensor as a float', () => {
    const text =
      '{"inputs":[{"name":"x","datatype":"FP64","shape":[2],"data":[12345678901234567890,1.2345678901234567]}]}';
    expect(parseJson(text).inputs[0]?.data).toEqual(
      Float64Array.of(Number(12345678901234567890n), 1.2345678901234567),
    );
  });

  it('takes booleans and strings', () => {
    expect(dataOf({ datatype: 'BOOL', shape: [2], data: [true, false] })).toEqual([1, 0]);
    expect(dataOf({ datatype: 'BYTES', shape: [1], data: ['grün'] }).map(String)).toEqual(['grün']);
  });

  it.each([
    ['too few values', { data: [1, 2, 3] }, "input 'x' has 3 values, where its shape makes 4"],
    ['another nesting', { data: [[1, 2, 3], [4]] }, 'is not nested as its shape'],
    ['text for a number', { data: [1, 2, 3, '4'] }, 'which is not a number'],
    ['null', { data: [1, 2, 3, null] }, 'which is not a number'],
    ['a number that a float32 cannot hold', { data: [1, 2, 3, 1e39] }, 'which is not a finite FP32'],
    ['a fraction for an integer', { datatype: 'INT32', data: [1, 2, 3, 4.5] }, 'a whole number of INT32'],
    ['an integer out of range', { datatype: 'UINT8', data: [1, 2, 3, 256] }, 'a whole number of UINT8'],
    ['a long integer out of range', { datatype: 'UINT64', data: [1, 2, 3, -1] }, 'a whole number of UINT64'],
    ['0 for false', { datatype: 'BOOL', data: [true, true, true, 0] }, 'true or false'],
    ['half floats', { datatype: 'FP16', data: [1, 2, 3, 4] }, 'send it as binary data'],
    ['an unknown datatype', { datatype: 'FP8', data: [1, 2, 3, 4] }, 'datatype'],
    ['a negative dimension', { shape: [-1, 2], data: [1, 2] }, 'shape'],
    ['too many dimensions', { shape: new Array(9).fill(1), data: [1] }, 'shape'],
    ['a shape beyond all memory', { shape: [1e9, 1e9], data: [1] }, 'too many values'],
    ['no data', {}, "neither 'data' nor 'binary_data_size'"],
    ['shared memory', { parameters: { shared_memory_region: 'r' } }, 'shared_memory_region'],
  ])('refuses %s in words', (_what, more, words) => {
    expect(() => dataOf(more)).toThrow(
      expect.objectContaining({ code: 'REQUEST_INVALID', message: expect.stringContaining(words) }),
    );
  });

  it('refuses what is no JSON', () => {
    expect(() => parseJson('{')).toThrow(/failed to parse the request JSON/);
  });
});

it('refuses a value that is nested deeper than a stack', () => {
  const deep = `${'['.repeat(100_000)}${']'.repeat(100_000)}`;
  const json = `{"inputs":[{"name":"x","datatype":"FP32","shape":[2],"data":[1,${deep}]}]}`;
  expect(() => parseInferRequest(Buffer.from(json), undefined, [])).toThrow(
    expect.objectContaining({ code: 'REQUEST_INVALID' }),
  );
});

describe('a request with binary tensors', () => {
  it('reads them in the order of its inputs, whatever their alignment', () => {
    for (const id of ['', 'a', 'ab', 'abc']) {
      const first = input({ parameters: { binary_data_size: 16 } });
      const second = { name: 'y', datatype: 'INT64', shape: [1], parameters: { binary_data_size: 8 } };
      const request = parseBinary(
        binaryBody({ id, inputs: [first, second] }, Float32Array.of(1, 2, 3, 4), BigInt64Array.of(-5n)),
      );
      expect(request.inputs.map(({ data }) => data)).toEqual([
        Float32Array.of(1, 2, 3, 4),
        BigInt64Array.of(-5n),
      ]);
    }
  });

  it('reads elements of BYTES by their lengths', () => {
    const bytes = Buffer.from([2, 0, 0, 0, 1, 2, 0, 0, 0, 0, 1, 0, 0, 0, 9]);
    const tensor = { name: 'x', datatype: 'BYTES', shape: [3], parameters: { binary_data_size: 15 } };
    const [read] = parseBinary(binaryBody({ inputs: [tensor] }, bytes)).inputs;
    expect([...(read?.data ?? [])].map((element) => [...(element as Uint8Array)])).toEqual([[1, 2], [], [9]]);
  });

  it('takes JSON data behind a header length too, as C++ clients send it', () => {
    const { body, headerBytes } = binaryBody({ inputs: [input({ data: [1, 2, 3, 4] })] });
    expect(parseInferRequest(body, headerBytes, FREE_ROWS).inputs).toHaveLength(1);
  });

  it.each([
    ['fewer bytes than the shape makes', 12, Buffer.alloc(12), 'has 12 bytes'],
    ['a tensor beyond the body', 16, Buffer.alloc(8), 'goes beyond the end'],
    ['bytes that nobody claims', 16, Buffer.alloc(20), '4 bytes of the body belong to no input'],
  ])('refuses %s', (_what, size, bytes, words) => {
    const body = binaryBody({ inputs: [input({ parameters: { binary_data_size: size } })] }, bytes);
    expect(() => parseBinary(body)).toThrow(words);
  });

  it('refuses data given twice, bytes that are no BOOL, and lengths that lie', () => {
    const twice = input({ data: [1, 2, 3, 4], parameters: { binary_data_size: 16 } });
    expect(() => parseBinary(binaryBody({ inputs: [twice] }, Buffer.alloc(16)))).toThrow(/both/);
    const bool = { name: 'x', datatype: 'BOOL', shape: [1], parameters: { binary_data_size: 1 } };
    expect(() => parseBinary(binaryBody({ inputs: [bool] }, Buffer.of(2)))).toThrow(/neither 0 nor 1/);
    const text = { name: 'x', datatype: 'BYTES', shape: [1], parameters: { binary_data_size: 5 } };
    expect(() => parseBinary(binaryBody({ inputs: [text] }, Buffer.of(9, 0, 0, 0, 1)))).toThrow(/do not fit/);
    expect(() => parseInferRequest(Buffer.from('{}'), 3, FREE_ROWS)).toThrow(/the whole body has 2/);
  });
});

describe('a raw binary request', () => {
  const raw = (bytes: Buffer, inputs: Parameters<typeof parseInferRequest>[2] = FREE_ROWS) =>
    parseInferRequest(bytes, 0, inputs);

  it('is the one input, with as many rows as there are bytes for, and answered as binary', () => {
    const request = raw(Buffer.from(Float32Array.of(1, 2, 3, 4).buffer));
    expect(request.inputs).toEqual([{ ...FREE_ROWS[0], shape: [2, 2], data: Float32Array.of(1, 2, 3, 4) }]);
    expect(request.binaryOutput).toBe(true);
  });

  it('is refused for a part of a row, for two free dimensions and for two inputs', () => {
    expect(() => raw(Buffer.alloc(12))).toThrow(/has 12 bytes/);
    expect(() => raw(Buffer.alloc(8), [{ ...FREE_ROWS[0], shape: [-1, -1] }])).toThrow(/at most one free/);
    expect(() => raw(Buffer.alloc(8), [...FREE_ROWS, ...FREE_ROWS])).toThrow(/this one has 2/);
  });
});

describe('the parameters of a request', () => {
  const data = [1, 2, 3, 4];
  it('carry part numbers, priority and timeout; what is unknown is ignored', () => {
    const parameters = { correlation_id: ['a', null], priority: 1, timeout: 500, sequence_id: 7, mine: 'x' };
    const request = parseJson({ parameters, inputs: [input({ data })], more: 1 });
    expect(request).toMatchObject({ correlationId: ['a', null], priority: 1, timeoutUs: 500 });
  });

  it('say how outputs go, one by one before all at once', () => {
    const outputs = [{ name: 'p' }, { name: 'q', parameters: { binary_data: false, classification: 3 } }];
    const request = parseJson({
      parameters: { binary_data_output: true },
      inputs: [input({ data })],
      outputs,
    });
    expect(request.outputs).toEqual([
      { name: 'p', binary: true, classification: 0 },
      { name: 'q', binary: false, classification: 3 },
    ]);
  });

  it('are refused where they are of the wrong kind', () => {
    expect(() => parseJson({ parameters: { correlation_id: 5 }, inputs: [input({ data })] })).toThrow(
      /correlation_id/,
    );
    expect(() => parseJson({ parameters: { timeout: -1 }, inputs: [input({ data })] })).toThrow(/timeout/);
  });
});
