import { deflateSync, gunzipSync, gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makePackage, tinyOutput } from '../../../support/packages.ts';
import { EngineLane } from './engine-lane.ts';

const graph = {
  weights: [
    [1, 0],
    [0, 1],
    [1, 1],
  ],
};
const ROWS = [
  [0.5, -1],
  [2, 3],
];
const lane = new EngineLane();

beforeAll(() => lane.start(makePackage({ version: 4, graph }), makePackage({ version: 5, graph })));
afterAll(() => lane.stop());

const get = (url: string) => lane.app.inject({ url });
const post = (url: string, payload: Buffer | object | string = '', headers: Record<string, string> = {}) =>
  lane.app.inject({ method: 'POST', url, payload, headers });
const input = { name: 'input', datatype: 'FP32', shape: [2, 2] };
const request = { inputs: [{ ...input, data: ROWS }] };
const infer = (payload: Buffer | object, headers: Record<string, string> = {}, model = 'press') =>
  post(`/v2/models/${model}/infer`, payload, headers);

/** The same rows as bytes behind their JSON. */
function binaryRequest(parameters: object = { binary_data_output: true }) {
  const json = Buffer.from(
    JSON.stringify({ parameters, inputs: [{ ...input, parameters: { binary_data_size: 16 } }] }),
  );
  const payload = Buffer.concat([json, Buffer.from(Float32Array.from(ROWS.flat()).buffer)]);
  return { payload, headers: { 'inference-header-content-length': String(json.length) } };
}
const WANTED = ROWS.flatMap((row) => tinyOutput(graph, row)).map((value) => expect.closeTo(value, 5));

describe('the server', () => {
  it('says what it is, at both spellings of its address', async () => {
    const server = (await get('/v2')).json();
    expect(server).toMatchObject({ name: 'andon', version: '1.2.3' });
    expect(server.extensions).toContain('binary_tensor_data');
    expect((await get('/v2/')).json()).toEqual(server);
  });

  it('is live at once, and ready only when every slot has a model', async () => {
    expect((await get('/v2/health/live')).json()).toEqual({ live: true });
    const ready = await get('/v2/health/ready');
    expect([ready.statusCode, ready.json().ready]).toEqual([400, false]);
  });
});

describe('a model', () => {
  it('is a slot, with the versions of champion and challenger', async () => {
    expect((await get('/v2/models/press')).json()).toEqual({
      name: 'press',
      versions: ['4', '5'],
      platform: 'onnxruntime_onnx',
      inputs: [{ name: 'input', datatype: 'FP32', shape: [-1, 2] }],
      outputs: [{ name: 'probability', datatype: 'FP32', shape: [-1, 3] }],
    });
  });

  it('is ready under its versions; another version and another name are not found', async () => {
    expect((await get('/v2/models/press/versions/5/ready')).json()).toEqual({ name: 'press', ready: true });
    const version = await get('/v2/models/press/versions/9/ready');
    expect([version.statusCode, version.json().error]).toEqual([
      404,
      "Request for unknown model: 'press' version 9 is not found",
    ]);
    const other = await get('/v2/models/nobody');
    expect([other.statusCode, other.json().error]).toEqual([
      404,
      "Request for unknown model: 'nobody' is not found",
    ]);
    expect((await get('/v2/models/empty/ready')).statusCode).toBe(503);
  });

  it('has the configuration that perf_analyzer reads', async () => {
    expect((await get('/v2/models/press/config')).json()).toMatchObject({
      max_batch_size: 64,
      input: [{ name: 'input', data_type: 'TYPE_FP32', dims: [2] }],
      output: [{ name: 'probability', data_type: 'TYPE_FP32', dims: [3] }],
    });
  });

  it('is in the index of the repository, and cannot be loaded or unloaded from here', async () => {
    expect((await post('/v2/repository/index')).json()).toEqual([
      { name: 'press', version: '4', state: 'READY', reason: '' },
      { name: 'press', version: '5', state: 'READY', reason: '' },
      { name: 'empty', state: 'UNAVAILABLE', reason: 'the slot has no model yet' },
    ]);
    const load = await post('/v2/repository/models/press/load', {});
    expect([load.statusCode, load.json().error]).toEqual([503, expect.stringContaining('not allowed')]);
  });
});

describe('infer', () => {
  it('answers JSON with JSON: all outputs, label and score', async () => {
    const response = await infer({ id: 'q', ...request });
    const body = response.json();
    expect(response.statusCode).toBe(200);
    expect(body).toMatchObject({ model_name: 'press', model_version: '4', id: 'q' });
    expect(body.outputs).toEqual([{ name: 'probability', datatype: 'FP32', shape: [2, 3], data: WANTED }]);
    expect(body.parameters).toMatchObject({ label: ['label-0', 'label-2'], role: 'champion' });
  });

  it('answers bytes with bytes, with no content type to go by', async () => {
    const { payload, headers } = binaryRequest();
    const response = await infer(payload, headers);
    const end = Number(response.headers['inference-header-content-length']);
    const tail = response.rawPayload.subarray(end);
    const values = Array.from({ length: 6 }, (_, i) => tail.readFloatLE(4 * i));
    expect(values).toEqual(WANTED);
  });

  it('takes a raw tensor alone', async () => {
    const raw = Buffer.from(Float32Array.from(ROWS.flat()).buffer);
    const response = await infer(raw, { 'inference-header-content-length': '0' });
    const json = response.rawPayload.toString(
      'utf8',
      0,
      Number(response.headers['inference-header-content-length']),
    );
    expect(JSON.parse(json).outputs[0].shape).toEqual([2, 3]);
  });

  it('takes and gives gzip and deflate', async () => {
    const { payload, headers } = binaryRequest({});
    for (const [coding, encode] of [
      ['gzip', gzipSync],
      ['deflate', deflateSync],
    ] as const) {
      const response = await infer(encode(payload), { ...headers, 'content-encoding': coding });
      expect(response.json().outputs[0].data).toEqual(WANTED);
    }
    const response = await infer(request, { 'accept-encoding': 'gzip' });
    expect(response.headers['content-encoding']).toBe('gzip');
    expect(JSON.parse(gunzipSync(response.rawPayload).toString()).model_version).toBe('4');
  });

  it('hands part numbers, priority and timeout to the lane', async () => {
    await infer({ ...request, parameters: { correlation_id: ['a', 'b'], priority: 2, timeout: 900_000 } });
    expect(lane.asks.at(-1)).toMatchObject({ correlationIds: ['a', 'b'], priority: 2, timeoutUs: 900_000 });
  });

  it.each([
    [
      'a wrong name',
      { inputs: [{ ...input, name: 'x', data: ROWS }] },
      "unexpected inference input 'x' for model 'press'",
    ],
    ['a wrong datatype', { inputs: [{ ...input, datatype: 'FP64', data: ROWS }] }, "expects 'FP32'"],
    ['a wrong shape', { inputs: [{ ...input, shape: [4], data: ROWS.flat() }] }, 'Expected [-1,2], got [4]'],
    ['no rows', { inputs: [{ ...input, shape: [0, 2], data: [] }] }, 'has no rows'],
    ['two inputs', { inputs: [request.inputs[0], request.inputs[0]] }, 'expected 1 inputs but got 2'],
    ['an unknown output', { ...request, outputs: [{ name: 'q' }] }, "unexpected inference output 'q'"],
    [
      'ids that are not one a row',
      { ...request, parameters: { correlation_id: 'a' } },
      '2 rows and 1 correlation ids',
    ],
    ['no inputs', {}, 'inputs'],
  ])('refuses %s with 400 and words', async (_what, body, words) => {
    const response = await infer(body);
    expect([response.statusCode, response.json().error]).toEqual([400, expect.stringContaining(words)]);
  });

  it('refuses a body that expands too far, and one that is not what it says', async () => {
    const bomb = gzipSync(Buffer.alloc(64 * 1024 * 1024));
    const expanded = await infer(bomb, { 'content-encoding': 'gzip' });
    expect([expanded.statusCode, expanded.json().error]).toEqual([413, expect.stringContaining('expands')]);
    const plain = await infer(Buffer.from('x'), { 'content-encoding': 'gzip' });
    expect([plain.statusCode, plain.json().error]).toEqual([400, 'the body is no gzip']);
    expect((await infer(Buffer.from('{}'), { 'content-encoding': 'br' })).statusCode).toBe(400);
    expect((await infer(Buffer.from('{}'), { 'inference-header-content-length': '-1' })).statusCode).toBe(
      400,
    );
  });
});

describe('every error', () => {
  it.each([
    ['GET', '/v2/models/press/infer', 405],
    ['POST', '/v2/health/live', 405],
    ['GET', '/v2/nothing', 404],
    ['GET', '/v2/models/press/versions/x/ready', 404],
    ['GET', '/v2/systemsharedmemory/status', 404],
  ] as const)('is JSON with an error: %s %s', async (method, url, status) => {
    const response = await lane.app.inject({ method, url });
    expect([response.statusCode, typeof response.json().error]).toEqual([status, 'string']);
  });
});

describe('the statistics', () => {
  it('count requests and rows by version, with every field that clients read unchecked', async () => {
    const of = async () => (await get('/v2/models/press/versions/4/stats')).json().model_stats[0];
    const before = await of();
    await infer(request);
    await infer({});
    const after = await of();
    expect(after.inference_count - before.inference_count).toBe(2);
    expect(after.inference_stats.success.count - before.inference_stats.success.count).toBe(1);
    expect(after.inference_stats.fail.count - before.inference_stats.fail.count).toBe(1);
    for (const field of [
      'queue',
      'compute_input',
      'compute_infer',
      'compute_output',
      'cache_hit',
      'cache_miss',
    ]) {
      expect(after.inference_stats[field]).toEqual({ count: expect.any(Number), ns: expect.any(Number) });
    }
    expect((await get('/v2/models/stats')).json().model_stats).toHaveLength(2);
  });

  it('count runs of the engine, not requests that shared one', async () => {
    const of = async () => (await get('/v2/models/press/stats')).json().model_stats;
    const [before, beforeBeside] = await of();
    await Promise.all(Array.from({ length: 40 }, () => infer(request)));
    const [after, beside] = await of();
    expect(after.inference_count - before.inference_count).toBe(80);
    expect(after.execution_count - before.execution_count).toBeLessThan(40);
    const successes = (now: typeof after, then: typeof after) =>
      now.inference_stats.success.count - then.inference_stats.success.count;
    // The challenger's share counts for the challenger.
    expect(successes(after, before) + successes(beside, beforeBeside)).toBe(40);
  });
});

describe('the statistics of a slot with a cache', () => {
  const cachedLane = new EngineLane({ cached: true });
  beforeAll(() => cachedLane.start(makePackage({ version: 4, graph })));
  afterAll(() => cachedLane.stop());

  it('count what came twice as rows found and a success, and as no inference', async () => {
    const ask = () =>
      cachedLane.app.inject({ method: 'POST', url: '/v2/models/press/infer', payload: request });
    const stats = async () => (await cachedLane.app.inject({ url: '/v2/models/press/stats' })).json();
    const first = await ask();
    const second = await ask();
    expect(second.json().outputs).toEqual(first.json().outputs);
    expect((await stats()).model_stats[0]).toMatchObject({
      inference_count: 2,
      execution_count: 1,
      inference_stats: {
        success: { count: 2 },
        queue: { count: 2 },
        compute_infer: { count: 1 },
        cache_hit: { count: 2 },
        cache_miss: { count: 2 },
      },
    });
  });

  it('count no look-ups where there is no cache', async () => {
    await infer(request);
    const [stats] = (await get('/v2/models/press/versions/4/stats')).json().model_stats;
    expect(stats.inference_stats).toMatchObject({ cache_hit: { count: 0 }, cache_miss: { count: 0 } });
    expect(stats.inference_stats.compute_infer.count).toBeGreaterThan(0);
  });
});
