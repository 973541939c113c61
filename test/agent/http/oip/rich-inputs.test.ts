/** Models of pictures and of several tensors, asked over the protocol: BYTES are encoded pictures, or text. */
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makePackage } from '../../../support/packages.ts';
import { meanOnnx, passingOnnx } from '../../../support/tiny-onnx.ts';
import { EngineLane } from './engine-lane.ts';

const infer = (lane: EngineLane, payload: object | Buffer, headers: Record<string, string> = {}) =>
  lane.app.inject({ method: 'POST', url: '/v2/models/press/infer', payload, headers });

describe('a model of pictures', () => {
  const lane = new EngineLane();
  beforeAll(() =>
    lane.start(
      makePackage({
        onnx: meanOnnx([1, 8, 8]),
        input: {
          kind: 'image',
          tensor: 'input',
          width: 8,
          height: 8,
          channels: 1,
          layout: 'nchw',
          fit: 'fill',
        },
        output: 'mean',
        decision: { kind: 'bands', labels: ['dark', 'bright'], edges: [128], unit: 'grey' },
      }),
    ),
  );
  afterAll(() => lane.stop());

  it('takes them encoded, as BYTES', async () => {
    expect((await lane.app.inject({ url: '/v2/models/press' })).json().inputs).toEqual([
      { name: 'input', datatype: 'BYTES', shape: [-1] },
    ]);
    const pictures = await Promise.all(
      [20, 200].map((grey) =>
        sharp({ create: { width: 9, height: 5, channels: 3, background: { r: grey, g: grey, b: grey } } })
          .png()
          .toBuffer(),
      ),
    );
    const elements = pictures.flatMap((picture) => {
      const length = Buffer.alloc(4);
      length.writeUInt32LE(picture.length);
      return [length, picture];
    });
    const bytes = Buffer.concat(elements);
    const json = Buffer.from(
      JSON.stringify({
        inputs: [
          { name: 'input', datatype: 'BYTES', shape: [2], parameters: { binary_data_size: bytes.length } },
        ],
      }),
    );
    const response = await infer(lane, Buffer.concat([json, bytes]), {
      'inference-header-content-length': String(json.length),
    });
    expect(response.json()).toMatchObject({
      outputs: [{ name: 'mean', shape: [2, 1], data: [20, 200] }],
      parameters: { label: ['dark', 'bright'], score: [20, 200] },
    });
  });
});

describe('a model of tensors', () => {
  const lane = new EngineLane();
  beforeAll(() =>
    lane.start(
      makePackage({
        onnx: passingOnnx([
          { name: 'score', dtype: 'float32', shape: ['n', 1] },
          { name: 'ids', dtype: 'int64', shape: ['n', 2] },
          { name: 'recipe', dtype: 'string', shape: ['n'] },
        ]),
        input: {
          kind: 'tensors',
          tensors: [
            { name: 'score', dtype: 'float32', shape: [-1, 1] },
            { name: 'ids', dtype: 'int64', shape: [-1, 2] },
            { name: 'recipe', dtype: 'string', shape: [-1] },
          ],
        },
        output: 'score-out',
      }),
    ),
  );
  afterAll(() => lane.stop());

  const inputs = [
    { name: 'score', datatype: 'FP32', shape: [2, 1], data: [0.25, 0.75] },
    { name: 'ids', datatype: 'INT64', shape: [2, 2], data: [1, 2, 3, 4] },
    { name: 'recipe', datatype: 'BYTES', shape: [2], data: ['A7', 'Prüfteil'] },
  ];

  it('tells of its inputs, and decides each row of them', async () => {
    expect((await lane.app.inject({ url: '/v2/models/press' })).json().inputs).toEqual([
      { name: 'score', datatype: 'FP32', shape: [-1, 1] },
      { name: 'ids', datatype: 'INT64', shape: [-1, 2] },
      { name: 'recipe', datatype: 'BYTES', shape: [-1] },
    ]);
    expect((await infer(lane, { inputs })).json()).toMatchObject({
      outputs: [
        { name: 'score-out', shape: [2, 1], data: [0.25, 0.75] },
        { name: 'ids-out', shape: [2, 2], data: [1, 2, 3, 4] },
        { name: 'recipe-out', datatype: 'BYTES', shape: [2], data: ['A7', 'Prüfteil'] },
      ],
      parameters: { label: ['ok', 'failure'] },
    });
    expect(lane.asks[0]?.rows).toBe(2);
  });

  it('is configured as one that batches, without the dimension of the rows', async () => {
    expect((await lane.app.inject({ url: '/v2/models/press/config' })).json()).toMatchObject({
      max_batch_size: 64,
      input: [{ dims: [1] }, { dims: [2] }, { dims: [] }],
      output: [
        { name: 'score-out', dims: [1] },
        { name: 'ids-out', data_type: 'TYPE_INT64', dims: [2] },
        { name: 'recipe-out', data_type: 'TYPE_STRING', dims: [] },
      ],
      dynamic_batching: {},
    });
  });

  it.each([
    ['a missing input', inputs.slice(1), 'input "score" is missing; the model takes it as float32 [-1, 1]'],
    [
      'rows of one that are no rows of another',
      [{ ...inputs[0], shape: [1, 1], data: [0.5] }, ...inputs.slice(1)],
      'input "ids" has 2 rows, others have 1',
    ],
    [
      'another type',
      [{ ...inputs[0], datatype: 'FP64' }, ...inputs.slice(1)],
      'input "score" is float64; the model takes float32 [-1, 1]',
    ],
  ])('refuses %s', async (_what, given, words) => {
    const response = await infer(lane, { inputs: given });
    expect([response.statusCode, response.json()]).toEqual([400, { error: words }]);
  });
});

describe('a model of tensors that cannot be stacked', () => {
  const lane = new EngineLane();
  const tensors = [
    { name: 'score', dtype: 'float32' as const, shape: [-1, 1] },
    { name: 'frame', dtype: 'float32' as const, shape: [2, 3] },
  ];
  beforeAll(() =>
    lane.start(
      makePackage({
        onnx: passingOnnx([
          { name: 'score', dtype: 'float32', shape: ['n', 1] },
          { name: 'frame', dtype: 'float32', shape: [2, 3] },
        ]),
        input: { kind: 'tensors', tensors },
        output: 'score-out',
      }),
    ),
  );
  afterAll(() => lane.stop());

  it('is configured as one that does not batch, with whole shapes', async () => {
    const config = (await lane.app.inject({ url: '/v2/models/press/config' })).json();
    expect(config).toMatchObject({
      max_batch_size: 0,
      input: [
        { name: 'score', dims: [-1, 1] },
        { name: 'frame', dims: [2, 3] },
      ],
      output: [
        { name: 'score-out', dims: [-1, 1] },
        { name: 'frame-out', dims: [2, 3] },
      ],
    });
    expect(config).not.toHaveProperty('dynamic_batching');
  });

  it('is asked for one sample in the shapes that its configuration gives', async () => {
    const response = await infer(lane, {
      inputs: [
        { name: 'score', datatype: 'FP32', shape: [1, 1], data: [0.75] },
        { name: 'frame', datatype: 'FP32', shape: [2, 3], data: [1, 2, 3, 4, 5, 6] },
      ],
    });
    expect(response.json()).toMatchObject({
      outputs: [
        { name: 'score-out', shape: [1, 1], data: [0.75] },
        { name: 'frame-out', shape: [2, 3], data: [1, 2, 3, 4, 5, 6] },
      ],
    });
    expect(lane.asks[0]?.rows).toBe(1);
  });
});
