/** The field's own clients speak to a real agent: what they ask for is answered, decided and recorded like any sample. */
import { mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, expect, it } from 'vitest';
import { z } from 'zod';
import { goldenSchema } from '../../protocol/manifest.ts';
import { DeviceProcess, SLOT } from '../faults/support/device-process.ts';
import { projectRoot } from '../support/processes.ts';
import { describeWith, playTritonClient, runPerfAnalyzer } from '../support/triton/triton-clients.ts';

const TIMEOUT_MS = 180_000;
const folder = join(projectRoot, 'models', 'steel-surface', '1');
const golden = goldenSchema.parse(JSON.parse(readFileSync(join(folder, 'golden.json'), 'utf8')));
const rows = golden.samples.slice(0, 4).map(({ input }) => input);

const refusal = z.object({ status: z.string(), message: z.string() });
const seenSchema = z.looseObject({
  differences: z.record(z.string(), z.number()),
  refused: z.record(z.string(), refusal),
  classification: z.array(z.array(z.string())),
  wanted: z.array(z.array(z.number())),
  identified: z.object({
    id: z.string(),
    parameters: z.object({
      prediction_ids: z.array(z.string()).length(1),
      label: z.string(),
      score: z.number(),
    }),
  }),
  statistics: z.object({ model_stats: z.array(z.looseObject({ inference_count: z.number() })) }),
});

let device: DeviceProcess;

beforeEach(async () => {
  const parent = mkdtempSync(join(tmpdir(), 'andon-oip-'));
  device = new DeviceProcess(parent, { samples: 1, slot: { recordBefore: 'result' } });
  await device.start();
}, TIMEOUT_MS);

describeWith('python', 'tritonclient[http]', () => {
  it(
    'finds its server, and gets what ONNX Runtime itself answers, in every form it can ask',
    async () => {
      const seen = seenSchema.parse(
        await playTritonClient(device.url, SLOT, join(folder, 'model.onnx'), rows),
      );
      expect(seen).toMatchObject({
        live: true,
        ready: true,
        modelReady: true,
        versionReady: true,
        noModelReady: false,
        server: { name: 'andon' },
        metadata: { name: SLOT, versions: ['1'], platform: 'onnxruntime_onnx' },
        config: { backend: 'onnxruntime', max_batch_size: 256 },
        index: [{ name: SLOT, version: '1', state: 'READY' }],
        shape: [4, 7],
      });
      for (const [form, difference] of Object.entries(seen.differences)) {
        expect(difference, form).toBeLessThan(1e-5);
      }
      const best = seen.wanted.map((row) => row.indexOf(Math.max(...row)));
      expect(seen.classification.map(([first]) => Number(first?.split(':')[1]))).toEqual(best);
      expect(seen.refused).toMatchObject({
        dtype: { status: '400', message: expect.stringContaining("expects 'FP32'") },
        name: { status: '400', message: expect.stringContaining("unexpected inference input 'strange'") },
        model: { status: '404', message: "Request for unknown model: 'nobody' is not found" },
        version: { status: '404', message: `Request for unknown model: '${SLOT}' version 999 is not found` },
        output: { status: '400', message: expect.stringContaining("unexpected inference output 'strange'") },
        load: { status: '503' },
        unload: { status: '503' },
        trace: { status: '404' },
        sharedMemory: { status: '404' },
      });
      expect(seen.statistics.model_stats[0]?.inference_count).toBeGreaterThan(4);
      await takesFeedback(seen.identified.parameters.prediction_ids[0] ?? '');
    },
    TIMEOUT_MS,
  );

  /** As any other prediction: it is on the page under its part number, and an operator may answer it. */
  async function takesFeedback(predictionId: string): Promise<void> {
    const shown = async () =>
      (await device.status()).slots[0]?.recent.find((prediction) => prediction.id === predictionId);
    expect(await shown()).toMatchObject({ correlationId: 'plate-1', role: 'champion' });
    const answer = await fetch(`${device.url}/api/feedback`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ predictionId, label: (await device.status()).slots[0]?.labels[0] }),
    });
    expect(answer.status).toBe(200);
    expect(await shown()).toMatchObject({ truth: { kind: 'explicit' } });
  }
});

describeWith('perf_analyzer', 'perf_analyzer', () => {
  it(
    'measures a slot to the end, with what the server says of its time',
    async () => {
      const report = await runPerfAnalyzer(device.url, [
        ...['-m', SLOT, '-b', '2', '--concurrency-range', '4'],
        ...['--measurement-mode', 'count_windows', '--measurement-request-count', '200', '-s', '900'],
      ]);
      expect(report).toMatch(/Throughput: [1-9][\d.]* infer\/sec/);
      expect(report).toMatch(/Server:\s+Inference count: [1-9]/);
      expect(report).toMatch(/compute infer/);
    },
    TIMEOUT_MS,
  );
});

it(
  'keeps pages of strangers out of /v2, and lets programs in',
  async () => {
    const ask = (headers: Record<string, string>) =>
      fetch(`${device.url}/v2/models/${SLOT}/infer`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...headers },
        body: JSON.stringify({
          inputs: [{ name: 'input', datatype: 'FP32', shape: [4, 27], data: rows.flat() }],
        }),
      });
    expect((await ask({})).status).toBe(200);
    const stranger = await ask({ origin: 'http://elsewhere.example' });
    expect([stranger.status, await stranger.json()]).toEqual([403, { error: expect.any(String) }]);
  },
  TIMEOUT_MS,
);
