/** A model whose graph has more outputs than the one that its decision reads. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { SlotModels } from '../../../../agent/models/active-models.ts';
import { makePackage, tinyOutput } from '../../../support/packages.ts';
import type { TinyGraph } from '../../../support/tiny-onnx.ts';
import { EngineLane } from './engine-lane.ts';

const graph: TinyGraph = { weights: [[1, -1]], extras: ['linear', 'peak'] };
const lane = new EngineLane();

interface Output {
  readonly name: string;
  readonly shape: readonly number[];
  readonly data: readonly number[];
}

async function infer(rows: readonly (readonly number[])[], wanted?: readonly string[]): Promise<Output[]> {
  const response = await lane.app.inject({
    method: 'POST',
    url: '/v2/models/press/infer',
    payload: {
      inputs: [{ name: 'input', datatype: 'FP32', shape: [rows.length, 2], data: rows }],
      ...(wanted && { outputs: wanted.map((name) => ({ name })) }),
    },
  });
  expect(response.statusCode, response.body).toBe(200);
  return response.json().outputs;
}

const linear = ([a = 0, b = 0]: readonly number[]) => a - b;

describe('a model with several outputs', () => {
  beforeAll(() => lane.start(makePackage({ version: 1, graph })));
  afterAll(() => lane.stop());

  it('tells of all of them, the one that decides first', async () => {
    expect((await lane.app.inject({ url: '/v2/models/press' })).json().outputs).toEqual([
      { name: 'probability', datatype: 'FP32', shape: [-1, 1] },
      { name: 'linear', datatype: 'FP32', shape: [-1, 1] },
      { name: 'peak', datatype: 'FP32', shape: [] },
    ]);
  });

  it('gives all of them to a request that names none', async () => {
    const rows = [
      [3, 1],
      [5, 9],
    ];
    expect(await infer(rows)).toEqual([
      expect.objectContaining({
        name: 'probability',
        data: rows.flatMap((row) => tinyOutput(graph, row)).map((value) => expect.closeTo(value, 5)),
      }),
      { name: 'linear', datatype: 'FP32', shape: [2, 1], data: [2, -4] },
      { name: 'peak', datatype: 'FP32', shape: [], data: [2] },
    ]);
  });

  it('asks its engine for nothing more than the decision needs where nothing more is wanted', async () => {
    expect(await infer([[3, 1]], ['probability'])).toHaveLength(1);
    expect(lane.asks.at(-1)).not.toHaveProperty('extraOutputs');
  });

  it('gives every one of many requests at once its own part, whatever the others want', async () => {
    const wishes = [['probability'], ['linear'], ['linear', 'probability'], ['peak'], undefined];
    await Promise.all(
      Array.from({ length: 60 }, async (_, i) => {
        const rows = Array.from({ length: 1 + (i % 3) }, (_row, k) => [i, 7 * k]);
        const wanted = wishes[i % wishes.length];
        const outputs = await infer(rows, wanted);
        expect(outputs.map(({ name }) => name)).toEqual(wanted ?? ['probability', 'linear', 'peak']);
        for (const { name, data } of outputs) {
          if (name === 'linear') expect(data).toEqual(rows.map(linear));
          if (name === 'peak') expect(data).toEqual([Math.max(...rows.map(linear))]);
        }
      }),
    );
  });
});

describe('a graph that runs one by one', () => {
  const oneByOne = new EngineLane();
  beforeAll(() => oneByOne.start(makePackage({ graph: { ...graph, batch: 1 } })));
  afterAll(() => oneByOne.stop());

  it('gives its outputs for any number of samples, but none that is not one a sample', async () => {
    const ask = async (data: readonly number[]) => {
      const shape = [data.length / 2, 2];
      const payload = { inputs: [{ name: 'input', datatype: 'FP32', shape, data }] };
      const response = await oneByOne.app.inject({ method: 'POST', url: '/v2/models/press/infer', payload });
      return response.json().outputs.slice(1);
    };
    const linearOf = (data: number[]) => ({
      name: 'linear',
      datatype: 'FP32',
      shape: [data.length, 1],
      data,
    });
    expect(await ask([3, 1, 5, 9])).toEqual([linearOf([2, -4])]);
    expect(await ask([3, 1])).toEqual([
      linearOf([2]),
      { name: 'peak', datatype: 'FP32', shape: [], data: [2] },
    ]);
  });
});

describe('a challenger with fewer outputs', () => {
  const trial = new EngineLane();
  beforeAll(() => trial.start(makePackage({ version: 1, graph }), makePackage({ version: 2 })));
  afterAll(() => trial.stop());

  it('decides what it can answer, and leaves to the champion what it cannot', async () => {
    const { champion, challenger } = trial.slots.get('press') as SlotModels;
    if (!challenger) throw new RangeError('no challenger');
    trial.slots.set('press', { champion, challenger: { ...challenger, share: 1 } });
    const versionFor = async (name: string) => {
      const input = { name: 'input', datatype: 'FP32', shape: [1, 2], data: [3, 1] };
      const payload = { inputs: [input], outputs: [{ name }] };
      const response = await trial.app.inject({ method: 'POST', url: '/v2/models/press/infer', payload });
      return response.json().model_version;
    };
    expect(await versionFor('probability')).toBe('2');
    expect(await versionFor('linear')).toBe('1');
  });
});
