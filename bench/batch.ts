/**
 * Rows a second of `andon batch` over a generated CSV, from the command's start to its end, against a Python script
 * (onnxruntime, pandas) that writes the same file. Needs a Python with both: ANDON_BENCH_PYTHON, else python3.
 */
import { spawn, spawnSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { goldenSchema } from '../protocol/manifest.ts';
import { parseManifest } from '../protocol/package-verify.ts';
import { build } from './build.ts';
import { type BenchResult, median } from './result.ts';

const ROWS = 500_000;
const ROUNDS = 3;
const root = resolve(import.meta.dirname, '..');
const model = join(root, 'models', 'steel-surface', '1');

/** As one writes it: the file read at once, the model in batches of 256, the file written at once. */
const SCRIPT = `
import json, sys
import numpy as np, onnxruntime as ort, pandas as pd
folder, source, target = sys.argv[1:]
manifest = json.load(open(f"{folder}/manifest.json"))
names = [feature["name"] for feature in manifest["input"]["features"]]
labels = np.array(manifest["output"]["decision"]["labels"])
session = ort.InferenceSession(f"{folder}/model.onnx", providers=["CPUExecutionProvider"])
frame = pd.read_csv(source)
rows = frame[names].to_numpy(np.float32)
asked = [manifest["output"]["tensor"]]
output = np.concatenate([
    session.run(asked, {manifest["input"]["tensor"]: rows[i : i + 256]})[0] for i in range(0, len(rows), 256)
])
best = output.argmax(axis=1)
pd.DataFrame({
    "row": np.arange(1, len(rows) + 1),
    "serial": frame["serial"],
    "label": labels[best],
    "score": output[np.arange(len(rows)), best],
    "model": f"{manifest['name']}@{manifest['version']}",
}).to_csv(target, index=False)
`;

export async function run(say: (line: string) => void): Promise<BenchResult> {
  const folder = mkdtempSync(join(tmpdir(), 'andon-bench-batch-'));
  try {
    const input = join(folder, 'in.csv');
    const script = join(folder, 'baseline.py');
    writeRows(input);
    writeFileSync(script, SCRIPT);
    const python = pythonWithOnnx();
    if (python === null)
      say('no Python with onnxruntime and pandas: set ANDON_BENCH_PYTHON for the comparison');
    say('building the command …');
    const dist = build();
    const ours: number[] = [];
    const theirs: number[] = [];
    for (let round = 1; round <= ROUNDS; round++) {
      ours.push(await perSecond(...andon(dist, input, join(folder, 'ours.csv'))));
      if (python !== null)
        theirs.push(await perSecond(python, [script, model, input, join(folder, 'theirs.csv')]));
      say(`round ${round}/${ROUNDS}: andon ${rounded(ours)}/s, Python ${rounded(theirs)}/s`);
    }
    if (python !== null) compare(join(folder, 'ours.csv'), join(folder, 'theirs.csv'));
    return {
      name: 'batch',
      ratios: python === null ? {} : { vsPython: median(ours) / median(theirs) },
      figures: { rowsPerS: median(ours), ...(python === null ? {} : { pythonRowsPerS: median(theirs) }) },
      baseline:
        'a Python script of onnxruntime (batch 256) and pandas that writes the same CSV, start to end',
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The built command, as an installed Andon runs it. */
function andon(dist: string, input: string, output: string): [string, string[]] {
  const args = [
    'batch',
    '--restart',
    '--model',
    model,
    '--key',
    'serial',
    '--input',
    input,
    '--output',
    output,
  ];
  return [process.execPath, [join(dist, 'cli', 'andon.js'), ...args]];
}

async function perSecond(program: string, args: readonly string[]): Promise<number> {
  const startedMs = performance.now();
  const child = spawn(program, args, { cwd: root, stdio: ['ignore', 'ignore', 'inherit'] });
  const code = await new Promise((resolve, reject) => child.on('error', reject).on('exit', resolve));
  if (code !== 0) throw new Error(`${program} ended with ${code}`);
  return (ROWS / (performance.now() - startedMs)) * 1000;
}

/** Golden samples with small changes, a serial number before each. */
function writeRows(path: string): void {
  const manifest = parseManifest(readFileSync(join(model, 'manifest.json')));
  const golden = goldenSchema.parse(JSON.parse(readFileSync(join(model, manifest.golden.file), 'utf8')));
  const features = manifest.input.kind === 'features' ? manifest.input.features.map(({ name }) => name) : [];
  const file = openSync(path, 'w');
  let text = `serial,${features.join(',')}\n`;
  for (let i = 0; i < ROWS; i++) {
    const sample = golden.samples[i % golden.samples.length]?.input ?? [];
    const cells = sample.map((value) =>
      Number.isInteger(value) ? value : Number((value * (1 + (i % 1000) / 1e5)).toFixed(4)),
    );
    text += `P${i},${cells.join(',')}\n`;
    if (text.length < 1_000_000 && i < ROWS - 1) continue;
    writeSync(file, text);
    text = '';
  }
  closeSync(file);
}

/** A comparison of two programs that do not do the same is none. */
function compare(ours: string, theirs: string): void {
  const labels = (path: string) =>
    readFileSync(path, 'utf8')
      .trimEnd()
      .split('\n')
      .map((line) => line.split(',', 3).join(','));
  const [a, b] = [labels(ours), labels(theirs)];
  const different = a.filter((line, i) => line !== b[i]).length;
  // Another version of ONNX Runtime may round the seventh digit otherwise, where two labels are as good as each other.
  if (a.length !== b.length || different > a.length / 1000)
    throw new Error(`${different} of ${a.length} rows differ from Python's`);
}

function pythonWithOnnx(): string | null {
  for (const python of [process.env.ANDON_BENCH_PYTHON, 'python3']) {
    if (python && spawnSync(python, ['-c', 'import onnxruntime, pandas']).status === 0) return python;
  }
  return null;
}

function rounded(rates: readonly number[]): string {
  const last = rates.at(-1);
  return last === undefined ? '–' : Math.round(last).toLocaleString('en');
}
