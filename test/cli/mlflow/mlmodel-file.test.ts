import { describe, expect, it } from 'vitest';
import { parseMlmodel } from '../../../cli/mlflow/mlmodel-file.ts';

const INPUTS = '[{"name": "input", "type": "tensor", "tensor-spec": {"dtype": "float32", "shape": [-1, 2]}}]';

function mlmodel(
  lines: readonly string[] = [],
  signature = `  inputs: '${INPUTS}'\n  outputs: null\n  params: null`,
) {
  return Buffer.from(
    ['flavors:', '  onnx:', '    data: model.onnx', 'signature:', signature, ...lines, ''].join('\n'),
  );
}

describe('an MLmodel file', () => {
  it('tells the ONNX file, the signature, the example and the metadata', () => {
    const file = parseMlmodel(
      mlmodel([
        'saved_input_example_info:',
        '  artifact_path: input_example.json',
        'metadata:',
        '  andon: {seed: 3}',
      ]),
    );
    expect(file).toEqual({
      onnxPath: 'model.onnx',
      inputs: { kind: 'tensors', tensors: [{ name: 'input', dtype: 'float32', shape: [-1, 2] }] },
      outputs: undefined,
      inputExample: 'input_example.json',
      metadata: { andon: { seed: 3 } },
    });
  });

  it('reads columns too', () => {
    const columns = '[{"type": "double", "name": "a", "required": true}, {"type": "long", "name": "b"}]';
    expect(parseMlmodel(mlmodel([], `  inputs: '${columns}'`)).inputs).toEqual({
      kind: 'columns',
      columns: [
        { name: 'a', type: 'double' },
        { name: 'b', type: 'long' },
      ],
    });
  });

  it.each<[string, Buffer, RegExp, RegExp]>([
    [
      'another flavor',
      Buffer.from('flavors: {sklearn: {pickled_model: model.pkl}, python_function: {}}'),
      /no onnx flavor \(it has: sklearn, python_function\)/,
      /skl2onnx/,
    ],
    ['no signature', Buffer.from('flavors: {onnx: {data: model.onnx}}'), /no signature/, /infer_signature/],
    [
      'parameters',
      mlmodel([], `  inputs: '${INPUTS}'\n  params: '[{"name": "t"}]'`),
      /signature has parameters/,
      /graph/,
    ],
    [
      'a path that leads out',
      Buffer.from('flavors: {onnx: {data: ../../x}}'),
      /names no file/,
      /Log it again/,
    ],
    ['a signature that is no JSON', mlmodel([], "  inputs: '['"), /inputs are not JSON/, /Log it again/],
    ['what is no YAML', Buffer.from('flavors: ]['), /not YAML/, /Log it again/],
    ['what is no mapping', Buffer.from('- 1'), /is odd/, /Log it again/],
    ['a bomb of aliases', Buffer.from(bomb()), /not YAML|is odd/, /Log it again/],
  ])('with %s is refused with the reason and what to do', (_words, bytes, reason, hint) => {
    expect(() => parseMlmodel(bytes)).toThrow(
      expect.objectContaining({
        code: 'MLFLOW_MODEL_UNSUPPORTED',
        message: expect.stringMatching(reason),
        hint: expect.stringMatching(hint),
      }),
    );
  });
});

/** Nine lists of nine of the one before: 9^9 values if they were all made. */
function bomb(): string {
  const lines = ['a0: &a0 [x,x,x,x,x,x,x,x,x]'];
  for (let i = 1; i < 9; i++)
    lines.push(
      `a${i}: &a${i} [${Array(9)
        .fill(`*a${i - 1}`)
        .join(',')}]`,
    );
  return `${lines.join('\n')}\nflavors: *a8\n`;
}
