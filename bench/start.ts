/**
 * How long the built agent takes from spawn to its first committed prediction, and what memory all its processes hold,
 * against a minimal script that loads ONNX Runtime and runs the same model once.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { build } from './build.ts';
import { loneAgent, loneModel } from './lone-agent.ts';
import { type BenchResult, median } from './result.ts';

const RUNS = 9;
const SETTLE_MS = 1500;
const root = resolve(import.meta.dirname, '..');

const BARE_SCRIPT = `
  const ort = require('onnxruntime-node');
  const { input, output } = JSON.parse(require('fs').readFileSync(process.argv[1] + '/manifest.json', 'utf8'));
  ort.InferenceSession.create(process.argv[1] + '/model.onnx', { intraOpNumThreads: 1 }).then(async (session) => {
    const row = new ort.Tensor('float32', Float32Array.of(0, 300, 310, 1500, 40, 100), [1, 6]);
    const result = await session.run({ [input.tensor]: row });
    if (!result[output.tensor]) throw new Error('no output');
    console.log('first-prediction');
    setInterval(() => {}, 1000);
  });
`;

interface Start {
  readonly ms: number;
  readonly rssBytes: number;
}

export async function run(say: (line: string) => void): Promise<BenchResult> {
  say('building the agent …');
  build();
  const agent: Start[] = [];
  const bare: Start[] = [];
  for (let i = 1; i <= RUNS; i++) {
    bare.push(await measure(() => ['-e', BARE_SCRIPT, loneModel]));
    agent.push(await measure((folder) => loneAgent(folder, 50)));
    say(
      `start ${i}/${RUNS}: agent ${Math.round(agent.at(-1)?.ms ?? 0)} ms, bare ${Math.round(bare.at(-1)?.ms ?? 0)} ms`,
    );
  }
  const of = (starts: Start[], key: keyof Start) => median(starts.map((start) => start[key]));
  return {
    name: 'start',
    ratios: {
      firstPredictionVsBare: of(agent, 'ms') / of(bare, 'ms'),
      rssVsBare: of(agent, 'rssBytes') / of(bare, 'rssBytes'),
    },
    figures: {
      firstPredictionMs: of(agent, 'ms'),
      bareFirstPredictionMs: of(bare, 'ms'),
      rssMiB: of(agent, 'rssBytes') / 2 ** 20,
      bareRssMiB: of(bare, 'rssBytes') / 2 ** 20,
    },
    baseline:
      'a script that loads onnxruntime-node and runs the same model once; medians of 9 starts in turn',
  };
}

async function measure(argumentsFor: (folder: string) => string[]): Promise<Start> {
  const folder = mkdtempSync(join(tmpdir(), 'andon-bench-start-'));
  const started = performance.now();
  const child = spawn(process.execPath, argumentsFor(folder), {
    cwd: root,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  try {
    await firstPrediction(child);
    const ms = performance.now() - started;
    await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
    return { ms, rssBytes: residentBytes(child.pid as number) };
  } finally {
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGTERM');
    await ended;
    rmSync(folder, { recursive: true, force: true });
  }
}

function firstPrediction(child: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    let text = '';
    child.stdout?.on('data', (bytes: Buffer) => {
      text += bytes.toString();
      if (text.includes('first-prediction')) resolve();
    });
    child.once('exit', () => reject(new Error(`ended before its first prediction: ${text.slice(-2000)}`)));
  });
}

/** Resident memory of a process and all below it (Linux), in bytes. */
function residentBytes(pid: number): number {
  const own = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
  const children = readdirSync(`/proc/${pid}/task`).flatMap((task) =>
    readFileSync(`/proc/${pid}/task/${task}/children`, 'utf8').trim().split(' ').filter(Boolean).map(Number),
  );
  return Number(own?.[1] ?? 0) * 1024 + children.reduce((sum, child) => sum + residentBytes(child), 0);
}
