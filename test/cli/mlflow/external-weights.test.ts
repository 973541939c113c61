import { describe, expect, it } from 'vitest';
import { weightFiles, withWeights } from '../../../cli/mlflow/external-weights.ts';
import { encodeField, fieldsOf } from '../../../cli/mlflow/protobuf-fields.ts';
import { tinyOnnx } from '../../support/tiny-onnx.ts';

const INSIDE = tinyOnnx({ weights: [[1, -1]], bias: [0.5] });

/** The same graph with its first weights in a file, 4 bytes into it. */
function outside(length = '8'): { onnx: Buffer; file: Buffer } {
  let file = Buffer.alloc(0);
  const entry = (key: string, value: string) =>
    encodeField(13, Buffer.concat([encodeField(1, Buffer.from(key)), encodeField(2, Buffer.from(value))]));
  const model = fieldsOf(INSIDE).map((field) => {
    if (field.number !== 7) return field.whole;
    const parts = fieldsOf(field.bytes).map((part) => {
      if (part.number !== 5) return part.whole;
      const tensor = fieldsOf(part.bytes);
      const raw = tensor.find(({ number }) => number === 9);
      if (!raw || file.length > 0) return part.whole;
      file = Buffer.concat([Buffer.alloc(4), raw.bytes]);
      const kept = tensor.filter(({ number }) => number !== 9).map(({ whole }) => whole);
      const place = [entry('location', 'w.bin'), entry('offset', '4'), entry('length', length)];
      return encodeField(5, Buffer.concat([...kept, ...place, Buffer.from([14 * 8, 1])]));
    });
    return encodeField(7, Buffer.concat(parts));
  });
  return { onnx: Buffer.concat(model), file };
}

describe('weights in files of their own', () => {
  it('are named, and put back byte for byte', () => {
    const { onnx, file } = outside();
    expect(weightFiles(onnx)).toEqual(new Set(['w.bin']));
    expect(withWeights(onnx, new Map([['w.bin', file]]))).toEqual(INSIDE);
  });

  it('are none where all stand in the graph', () => {
    expect(weightFiles(INSIDE)).toEqual(new Set());
    expect(withWeights(INSIDE, new Map())).toEqual(INSIDE);
  });

  it.each(['9', '99999999', '-1', '1e3'])('of a length of %s are refused', (length) => {
    const { onnx, file } = outside(length);
    expect(() => withWeights(onnx, new Map([['w.bin', file]]))).toThrow(
      expect.objectContaining({ code: 'MLFLOW_MODEL_UNSUPPORTED' }),
    );
  });

  it('are refused where their file is missing', () => {
    expect(() => withWeights(outside().onnx, new Map())).toThrow(/not where its graph says/);
  });
});
