import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { OipTensor } from '../../../../agent/http/oip/datatype.ts';
import { parseInferRequest } from '../../../../agent/http/oip/infer-request.ts';
import { buildInferResponse, type InferAnswer } from '../../../../agent/http/oip/infer-response.ts';

const scores: OipTensor = {
  name: 'p',
  datatype: 'FP32',
  shape: [2, 3],
  data: Float32Array.of(0, 2, 1, 5, 5, 4),
};
const answer: InferAnswer = {
  model: 'press',
  version: '3',
  outputs: [scores],
  labels: { output: 'p', names: ['ok', 'crack', 'dent'] },
  parameters: { label: 'crack' },
};
const asked = (outputs: object[] | null, binaryOutput = false) => ({
  id: 'r1',
  outputs: outputs as Parameters<typeof buildInferResponse>[0]['outputs'],
  binaryOutput,
});
const jsonOf = ({ body, headerBytes }: ReturnType<typeof buildInferResponse>) =>
  JSON.parse(body.toString('utf8', 0, headerBytes));

describe('a response', () => {
  it('is plain JSON, without a header length, where nothing binary was asked for', () => {
    const response = buildInferResponse(asked(null), answer);
    expect(response.headerBytes).toBeUndefined();
    expect(jsonOf(response)).toEqual({
      model_name: 'press',
      model_version: '3',
      id: 'r1',
      parameters: { label: 'crack' },
      outputs: [{ name: 'p', datatype: 'FP32', shape: [2, 3], data: [0, 2, 1, 5, 5, 4] }],
    });
  });

  it('carries binary outputs behind the JSON, each with its size', () => {
    const response = buildInferResponse(asked(null, true), answer);
    expect(jsonOf(response).outputs[0].parameters).toEqual({ binary_data_size: 24 });
    const tail = response.body.subarray(response.headerBytes);
    expect([0, 4, 8, 12, 16, 20].map((at) => tail.readFloatLE(at))).toEqual([0, 2, 1, 5, 5, 4]);
  });

  it('names the best of each row where a classification was asked for, equals in their order', () => {
    const wanted = [{ name: 'p', binary: false, classification: 2 }];
    expect(jsonOf(buildInferResponse(asked(wanted), answer)).outputs[0]).toEqual({
      name: 'p',
      datatype: 'BYTES',
      shape: [2, 2],
      data: ['2:1:crack', '1:2:dent', '5:0:ok', '5:1:crack'],
    });
  });

  it('refuses an output that the model has not, and NaN in JSON', () => {
    const other = [{ name: 'q', binary: false, classification: 0 }];
    expect(() => buildInferResponse(asked(other), answer)).toThrow(
      "unexpected inference output 'q' for model 'press'",
    );
    const nan = { ...answer, outputs: [{ ...scores, data: new Float32Array(6).fill(Number.NaN) }] };
    expect(() => buildInferResponse(asked(null), nan)).toThrow(/ask for binary data/);
    expect(buildInferResponse(asked(null, true), nan).body.length).toBeGreaterThan(24);
  });
});

/** A tensor of every datatype that JSON carries. */
const tensors = fc.oneof(
  fc
    .array(fc.float({ noNaN: true, noDefaultInfinity: true }))
    .map((v) => ({ datatype: 'FP32', data: Float32Array.from(v) })),
  fc
    .array(fc.double({ noNaN: true, noDefaultInfinity: true }))
    .map((v) => ({ datatype: 'FP64', data: Float64Array.from(v) })),
  fc
    .array(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }))
    .map((v) => ({ datatype: 'INT64', data: BigInt64Array.from(v) })),
  fc
    .array(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }))
    .map((v) => ({ datatype: 'UINT64', data: BigUint64Array.from(v) })),
  fc
    .array(fc.integer({ min: -32768, max: 32767 }))
    .map((v) => ({ datatype: 'INT16', data: Int16Array.from(v) })),
  fc.array(fc.boolean()).map((v) => ({ datatype: 'BOOL', data: Uint8Array.from(v, Number) })),
  fc
    .array(fc.string({ unit: 'binary' }))
    .map((v) => ({ datatype: 'BYTES', data: v.map((text) => Buffer.from(text)) })),
);

describe('what a response carries', () => {
  it.each([true, false])('comes back the same as a request would bring it (binary: %s)', (binary) => {
    fc.assert(
      fc.property(tensors, (tensor) => {
        const sent = { ...tensor, name: 'p', shape: [tensor.data.length] } as OipTensor;
        const { body, headerBytes } = buildInferResponse(asked(null, binary), { ...answer, outputs: [sent] });
        const end = headerBytes ?? body.length;
        const json = Buffer.from(body.toString('utf8', 0, end).replace(',"outputs":', ',"inputs":'));
        const again = parseInferRequest(
          Buffer.concat([json, body.subarray(end)]),
          headerBytes && json.length,
          [],
        );
        // JSON knows no -0, and -0 is 0.
        expect([...(again.inputs[0]?.data ?? [])].map(plain)).toEqual([...sent.data].map(plain));
      }),
    );
  });
});

function plain(value: number | bigint | Uint8Array): unknown {
  return value instanceof Uint8Array ? [...value] : typeof value === 'number' ? value + 0 : value;
}
