import { describe, expect, it } from 'vitest';
import { askOf } from '../../../../agent/http/oip/ask-of.ts';
import type { OipTensor } from '../../../../agent/http/oip/datatype.ts';
import type { InferRequest } from '../../../../agent/http/oip/infer-request.ts';
import { metadataOf, specOf } from '../../../../agent/http/oip/model-view.ts';
import type { SlotModels } from '../../../../agent/models/active-models.ts';
import type { Manifest } from '../../../../protocol/manifest.ts';
import { makePackage, manifestOf } from '../../../support/packages.ts';

function modelsWith(input: Manifest['input']): SlotModels {
  const manifest = manifestOf(makePackage({ input }));
  const baseline = { rows: 1, features: [], labelShares: [] };
  return { champion: { manifest, manifestSha256: 'a', folder: '/', baseline }, challenger: null };
}

const askWith = (input: Manifest['input'], inputs: readonly OipTensor[]) => {
  const request: InferRequest = {
    id: undefined,
    inputs,
    outputs: null,
    binaryOutput: false,
    correlationId: null,
    priority: 0,
    timeoutUs: 0,
  };
  return askOf('press', request, specOf('press', modelsWith(input), undefined));
};

const stackable: Manifest['input'] = {
  kind: 'tensors',
  tensors: [
    { name: 'x', dtype: 'int64', shape: [-1, 2] },
    { name: 'word', dtype: 'string', shape: [-1] },
  ],
};
const x: OipTensor = { name: 'x', datatype: 'INT64', shape: [2, 2], data: BigInt64Array.of(1n, 2n, 3n, 4n) };
const word: OipTensor = {
  name: 'word',
  datatype: 'BYTES',
  shape: [2],
  data: [Buffer.from('a'), Buffer.from('ö')],
};

describe('a model of several tensors', () => {
  it('shows them with their datatypes and free dimensions', () => {
    const models = modelsWith(stackable);
    expect(metadataOf('press', models, specOf('press', models, undefined))).toMatchObject({
      inputs: [
        { name: 'x', datatype: 'INT64', shape: [-1, 2] },
        { name: 'word', datatype: 'BYTES', shape: [-1] },
      ],
    });
  });

  it('is asked with a row of each, in its own order, whatever that of the request', () => {
    const ask = askWith(stackable, [word, x]);
    expect(ask.rows).toBe(2);
    expect(ask.data).toEqual([
      [
        { name: 'x', dtype: 'int64', shape: [1, 2], data: BigInt64Array.of(1n, 2n) },
        { name: 'word', dtype: 'string', shape: [1], data: ['a'] },
      ],
      [
        { name: 'x', dtype: 'int64', shape: [1, 2], data: BigInt64Array.of(3n, 4n) },
        { name: 'word', dtype: 'string', shape: [1], data: ['ö'] },
      ],
    ]);
  });

  it('takes a request as one sample where the first dimension is no batch', () => {
    const whole: Manifest['input'] = {
      kind: 'tensors',
      tensors: [{ name: 'x', dtype: 'int64', shape: [2, -1] }],
    };
    expect(askWith(whole, [x])).toMatchObject({ rows: 1, data: [[{ shape: [2, 2], data: x.data }]] });
  });

  it('refuses another number of rows in one of them, and one that is there twice', () => {
    const short = { ...word, shape: [1], data: [Buffer.from('a')] };
    expect(() => askWith(stackable, [x, short])).toThrow("input 'word' has 1 rows, 'x' has 2");
    expect(() => askWith(stackable, [x, x])).toThrow("input 'word' of model 'press' is missing");
  });
});

describe('a model of pictures', () => {
  it('takes encoded pictures as elements of BYTES, one a sample', () => {
    const image: Manifest['input'] = {
      kind: 'image',
      tensor: 'picture',
      width: 8,
      height: 8,
      channels: 1,
      layout: 'nchw',
      fit: 'fill',
    };
    const pictures = [Buffer.from('jpeg'), Buffer.from('png')];
    const ask = askWith(image, [{ name: 'picture', datatype: 'BYTES', shape: [2], data: pictures }]);
    expect(ask).toMatchObject({ rows: 2, data: pictures });
  });
});
