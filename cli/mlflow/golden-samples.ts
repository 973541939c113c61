/** Golden samples of a pulled model: its input example (or given inputs) answered by the real engine, here. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { z } from 'zod';
import { systemClock } from '../../agent/clock.ts';
import type { Trial } from '../../agent/inference/engine.ts';
import { EngineProcess } from '../../agent/inference/engine-client.ts';
import { graphSpecOf, sampleWidth } from '../../agent/inference/graph-spec.ts';
import { goldenBatch } from '../../agent/models/golden-batch.ts';
import { parseGolden, runGoldenTest } from '../../agent/models/golden-test.ts';
import { Counters } from '../../daemon/counters.ts';
import { sha256Hex } from '../../protocol/keys.ts';
import type { Feature, Golden, Manifest } from '../../protocol/manifest.ts';
import { cliError } from '../errors.ts';

/** More prove little more, and every device runs them. */
const MAX_SAMPLES = 64;
const ENGINE_TIMEOUT_MS = 30_000;
/** Nothing is known of its speed on this machine, which need not be a device. */
const SLOWEST_ROW_MS = 1000;

/**
 * Loads the model as a device would, and answers or checks the golden samples.
 * @param manifest with no files listed yet
 * @param golden whole golden.json bytes that shall hold, or rows of inputs that shall be answered
 * @throws CodedError ENGINE_* for a graph that does not load or is not what the manifest says, GOLDEN_SAMPLES_FAILED
 */
export async function proveModel(
  manifest: Manifest,
  onnx: Buffer,
  golden: { readonly file: Buffer } | { readonly rows: readonly (readonly number[])[] },
): Promise<Golden> {
  const folder = mkdtempSync(join(tmpdir(), 'andon-pull-'));
  const log = pino({ level: 'silent' });
  const engine = new EngineProcess({
    threads: 1,
    timeoutMs: ENGINE_TIMEOUT_MS,
    log,
    clock: systemClock,
    counters: new Counters(),
  });
  try {
    writeFileSync(join(folder, manifest.model.file), onnx);
    const entry = { sha256: sha256Hex(onnx), sizeBytes: onnx.length };
    const model = {
      folder,
      manifestSha256: entry.sha256,
      manifest: { ...manifest, files: { [manifest.model.file]: entry } },
    };
    await engine.start();
    await engine.load(model);
    if ('file' in golden) {
      const parsed = parseGolden(manifest, golden.file);
      const run: Trial['run'] = (batch, options) => engine.run(model.manifestSha256, batch, options);
      await runGoldenTest(run, manifest, parsed, SLOWEST_ROW_MS);
      return parsed;
    }
    const rows = golden.rows.slice(0, MAX_SAMPLES);
    if (rows.some((row) => row.length !== widthOf(manifest))) throw misfit('is not as wide as the graph');
    const batch = goldenBatch(
      manifest,
      rows.map((input) => ({ input: [...input], output: [] })),
    );
    const { output, width } = await engine.run(model.manifestSha256, batch);
    const samples = rows.map((input, i) => ({
      input: [...input],
      output: [...output.subarray(i * width, (i + 1) * width)].map(shortest),
    }));
    return { samples };
  } finally {
    await engine.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** A tensor, one tensor by its name, or a table as pandas splits it. */
const exampleSchema = z.union([
  z.array(z.unknown()).min(1),
  z.object({ data: z.array(z.unknown()).min(1) }).transform(({ data }) => data),
  z
    .record(z.string(), z.array(z.unknown()).min(1))
    .refine((inputs) => Object.keys(inputs).length === 1)
    .transform((inputs) => Object.values(inputs)[0] ?? []),
]);

/**
 * @param bytes of MLflow's input_example.json
 * @returns row-major values of each sample
 * @throws CodedError MLFLOW_FACT_INVALID where it does not fit the model's input
 */
export function exampleRows(bytes: Buffer, manifest: Manifest): number[][] {
  let value: unknown;
  try {
    value = JSON.parse(bytes.toString('utf8'));
  } catch (cause) {
    throw misfit('is not JSON (a NaN, perhaps)', cause);
  }
  const parsed = exampleSchema.safeParse(value);
  if (!parsed.success) throw misfit('is neither a tensor nor a table');
  const width = widthOf(manifest);
  const features = manifest.input.kind === 'features' ? manifest.input.features : [];
  return parsed.data.map((row) => {
    const numbers = flatten(row).map((each, i) =>
      typeof each === 'string' ? categoryOf(features[i], each) : Number(each),
    );
    const isOdd = numbers.some(Number.isNaN);
    if (numbers.length !== width || isOdd) throw misfit(`has rows that are not ${width} numbers`);
    return numbers;
  });
}

function widthOf(manifest: Manifest): number {
  const spec = graphSpecOf(manifest);
  return spec.kind === 'rows' ? sampleWidth(spec) : 0;
}

function categoryOf(feature: Feature | undefined, word: string): number {
  const index = feature?.categories?.indexOf(word) ?? -1;
  return index < 0 ? Number.NaN : index;
}

function flatten(value: unknown): unknown[] {
  return Array.isArray(value) ? value.flatMap(flatten) : [value];
}

function misfit(what: string, cause?: unknown): Error {
  return cliError('MLFLOW_FACT_INVALID', `The model’s input example ${what}.`, {
    hint: 'Log it again with input_example=<a few typical samples>, or give --golden <file>.',
    ...(cause === undefined ? {} : { cause }),
  });
}

/** As few digits as read back as the same float32. */
function shortest(value: number): number {
  return Number(value.toPrecision(9));
}
