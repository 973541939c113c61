import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readOnnxGraph } from '../../../cli/mlflow/onnx-graph.ts';
import { tinyOnnx } from '../../support/tiny-onnx.ts';

const shipped = (path: string) =>
  readOnnxGraph(readFileSync(new URL(`../../../models/${path}`, import.meta.url)));

describe('an ONNX file', () => {
  it('tells its opset, inputs, outputs and kinds of nodes', () => {
    expect(readOnnxGraph(tinyOnnx({ width: 3 }))).toEqual({
      opset: 17,
      inputs: [{ name: 'input', dtype: 'float32', shape: ['batch', 3] }],
      outputs: [{ name: 'probability', dtype: 'float32', shape: ['batch', 1] }],
      ops: new Set(['Gemm', 'Sigmoid']),
      hasExternalData: false,
    });
  });

  it.each([
    ['milling-failure/2/model.onnx', 'float32', ['batch', 6], true],
    ['tile-inspection/1/model.onnx', 'uint8', ['batch', 1, 64, 64], true],
    ['milling-failure/1/model.onnx', 'float32', ['batch', 6], false],
  ])('of %s is read as ONNX Runtime reads it', (path, dtype, shape, isInt8) => {
    const graph = shipped(path);
    expect(graph.inputs).toMatchObject([{ dtype, shape: [expect.any(String), ...shape.slice(1)] }]);
    expect(graph.ops.has('DequantizeLinear')).toBe(isInt8);
  });

  it('that is damaged anywhere ends in a coded error or a graph, never in anything else', () => {
    const whole = tinyOnnx({ width: 3 });
    const damaged = fc.oneof(
      fc.integer({ min: 0, max: whole.length }).map((length) => whole.subarray(0, length)),
      fc
        .tuple(fc.integer({ min: 0, max: whole.length - 1 }), fc.integer({ min: 0, max: 255 }))
        .map(([at, byte]) =>
          Buffer.concat([whole.subarray(0, at), Buffer.from([byte]), whole.subarray(at + 1)]),
        ),
      fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)),
    );
    fc.assert(
      fc.property(damaged, (bytes) => {
        try {
          readOnnxGraph(bytes);
        } catch (error) {
          expect(error).toMatchObject({ code: 'MLFLOW_MODEL_UNSUPPORTED' });
        }
      }),
      { numRuns: 2000 },
    );
  });
});
