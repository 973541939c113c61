/** tritonclient[grpc] speaks to a real agent on the port where its page and HTTP are. */
import { mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { z } from 'zod';
import { goldenSchema } from '../../protocol/manifest.ts';
import { DeviceProcess, SLOT } from '../faults/support/device-process.ts';
import { projectRoot } from '../support/processes.ts';
import { describeWith, playTritonClient, runPerfAnalyzer } from '../support/triton/triton-clients.ts';

const TIMEOUT_MS = 180_000;
const folder = join(projectRoot, 'models', 'steel-surface', '1');
const golden = goldenSchema.parse(JSON.parse(readFileSync(join(folder, 'golden.json'), 'utf8')));
const rows = golden.samples.slice(0, 4).map(({ input }) => input);

const seenSchema = z.looseObject({
  differences: z.record(z.string(), z.number()),
  classification: z.array(z.array(z.string())),
  wanted: z.array(z.array(z.number())),
});

async function startDevice(): Promise<DeviceProcess> {
  const parent = mkdtempSync(join(tmpdir(), 'andon-grpc-'));
  const options = { samples: 1, http: { grpc: true }, slot: { recordBefore: 'result' } };
  const device = new DeviceProcess(parent, options);
  await device.start();
  return device;
}

describeWith('python', 'tritonclient[grpc]', () => {
  it(
    'finds its server on the one port, and gets what ONNX Runtime itself answers',
    async () => {
      const device = await startDevice();
      const seen = seenSchema.parse(
        await playTritonClient(device.url, SLOT, join(folder, 'model.onnx'), rows, 'grpc'),
      );
      expect(seen).toMatchObject({
        live: true,
        ready: true,
        modelReady: true,
        versionReady: true,
        server: { name: 'andon' },
        metadata: {
          name: SLOT,
          versions: ['1'],
          platform: 'onnxruntime_onnx',
          inputs: [{ name: 'input', datatype: 'FP32', shape: ['-1', '27'] }],
        },
        config: { backend: 'onnxruntime', max_batch_size: 256, output: [{ data_type: 'TYPE_FP32' }] },
        index: [{ name: SLOT, version: '1', state: 'READY' }],
        shape: [4, 7],
        refused: {
          dtype: {
            status: 'StatusCode.INVALID_ARGUMENT',
            message: expect.stringContaining("expects 'FP32'"),
          },
          model: { status: 'StatusCode.NOT_FOUND' },
          version: { status: 'StatusCode.NOT_FOUND' },
          output: { status: 'StatusCode.INVALID_ARGUMENT' },
          load: { status: 'StatusCode.UNAVAILABLE' },
          sharedMemory: { status: 'StatusCode.UNIMPLEMENTED' },
        },
        identified: {
          id: 'r-1',
          parameters: { role: 'champion', prediction_ids: expect.stringMatching(/^\["/) },
        },
      });
      for (const [form, difference] of Object.entries(seen.differences)) {
        expect(difference, form).toBeLessThan(1e-5);
      }
      const best = seen.wanted.map((row) => row.indexOf(Math.max(...row)));
      expect(seen.classification.map(([first]) => Number(first?.split(':')[1]))).toEqual(best);
      const { slots } = await device.status();
      expect(slots[0]?.recent.some(({ correlationId }) => correlationId === 'plate-1')).toBe(true);
      // HTTP/1.1 goes on beside it.
      expect((await fetch(`${device.url}/v2/health/live`)).status).toBe(200);
    },
    TIMEOUT_MS,
  );
});

describeWith('perf_analyzer', 'perf_analyzer over gRPC', () => {
  it(
    'measures a slot to the end, with what the server says of its time',
    async () => {
      const device = await startDevice();
      const report = await runPerfAnalyzer(
        device.url,
        [
          ...['-m', SLOT, '-b', '2', '--concurrency-range', '4'],
          ...['--measurement-mode', 'count_windows', '--measurement-request-count', '200', '-s', '900'],
        ],
        'grpc',
      );
      expect(report).toMatch(/Throughput: [1-9][\d.]* infer\/sec/);
      expect(report).toMatch(/Server:\s+Inference count: [1-9]/);
    },
    TIMEOUT_MS,
  );
});
