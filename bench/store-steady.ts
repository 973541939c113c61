/** What a quiet device costs: processor, memory and disk at 10 samples a second, against a script that does just the work. */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build } from './build.ts';
import { type Growth, growthOf, type Point } from './growth.ts';
import { loneAgent, loneModel, serviceEnvironment } from './lone-agent.ts';
import { commandOf, cpuSOf, memoryOf, withChildren, writtenBytesOf } from './process-look.ts';

export interface Steady {
  /** Share of one core, all processes together. */
  readonly coreShare: number;
  readonly rssBytes: number;
  readonly flashBytesPerS: number;
  /** Of the memory that its processes have for themselves, in the second half of the time, and in the last quarter: at this rate caches fill for long. */
  readonly growth: Growth;
  readonly lastGrowth: Growth;
  /** The first is the program that was started. */
  readonly processes: readonly SteadyProcess[];
}

interface SteadyProcess {
  /** At the end: V8's heap, what else is its own (SQLite, ONNX Runtime, malloc), and pages of files in memory. */
  readonly heapBytes: number;
  readonly nativeBytes: number;
  readonly fileBytes: number;
  readonly heapGrowth: Growth;
  readonly nativeGrowth: Growth;
}

interface Look {
  readonly atMs: number;
  readonly cpuS: number;
  readonly writtenBytes: number;
  readonly processes: readonly {
    readonly rssBytes: number;
    readonly ownBytes: number;
    readonly heapBytes: number;
  }[];
}

const RATE_PER_S = 10;
const SETTLE_MS = 20_000;
const LEAST_LOOKS = 60;
const LOOK_AT_LEAST_EVERY_MS = 10_000;
const root = resolve(import.meta.dirname, '..');
const heapReport = pathToFileURL(join(import.meta.dirname, 'heap-report.mjs')).href;

/** The same model and rate, each answer a durable row of JSON: no page, no labels, no drift, no sync, nothing isolated. */
const NAIVE_SCRIPT = `
  const ort = require('onnxruntime-node');
  const Sqlite = require('better-sqlite3');
  const [folder, file] = process.argv.slice(1);
  const { input, output } = JSON.parse(require('fs').readFileSync(folder + '/manifest.json', 'utf8'));
  const db = new Sqlite(file);
  db.pragma('journal_mode = WAL');
  db.pragma('synchronous = FULL');
  db.exec('CREATE TABLE predictions (id INTEGER PRIMARY KEY, json TEXT)');
  const insert = db.prepare('INSERT INTO predictions (json) VALUES (?)');
  ort.InferenceSession.create(folder + '/model.onnx', { intraOpNumThreads: 1 }).then((session) => {
    console.log('first-prediction');
    let part = 0;
    setInterval(async () => {
      const row = Float32Array.of(0, 300, 310, 1500, 40, part % 200);
      const result = await session.run({ [input.tensor]: new ort.Tensor('float32', row, [1, 6]) });
      const score = [...result[output.tensor].data];
      insert.run(JSON.stringify({ timeMs: Date.now(), part: 'part-' + ++part, features: [...row], score }));
    }, ${1000 / RATE_PER_S});
  });
`;

/** Both at once, so that they meet the same machine. @param minutes how long they are looked at */
export async function measureSteady(minutes: number): Promise<{ agent: Steady; naive: Steady }> {
  build();
  const folder = mkdtempSync(join(tmpdir(), 'andon-bench-steady-'));
  // In memory: the reports of the heap are not to count as written.
  const heaps = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'andon-bench-heaps-'));
  const children = [
    spawnQuiet(loneAgent(folder, RATE_PER_S), heaps),
    spawnQuiet(['-e', NAIVE_SCRIPT, loneModel, join(folder, 'naive.db')], heaps),
  ];
  try {
    await Promise.all(children.map(firstPrediction));
    await new Promise((next) => setTimeout(next, SETTLE_MS));
    const looks = children.map((): Look[] => []);
    const everyMs = Math.min(LOOK_AT_LEAST_EVERY_MS, (minutes * 60_000) / LEAST_LOOKS);
    const count = Math.round((minutes * 60_000) / everyMs);
    for (let i = 0; i <= count; i++) {
      if (i > 0) await new Promise((next) => setTimeout(next, everyMs));
      for (const [at, child] of children.entries()) looks[at]?.push(lookAt(child.pid as number, heaps));
    }
    const [agent, naive] = looks.map(steadyOf) as [Steady, Steady];
    return { agent, naive };
  } finally {
    for (const child of children) await end(child);
    for (const each of [folder, heaps]) rmSync(each, { recursive: true, force: true });
  }
}

function spawnQuiet(args: readonly string[], heaps: string): ChildProcess {
  const options = `${process.env.NODE_OPTIONS ?? ''} --import=${heapReport}`;
  const env = { ...serviceEnvironment(), ...process.env, NODE_OPTIONS: options, BENCH_HEAP_FOLDER: heaps };
  return spawn(process.execPath, args, { cwd: root, env, stdio: ['ignore', 'pipe', 'inherit'] });
}

function firstPrediction(child: ChildProcess): Promise<void> {
  return new Promise((next, reject) => {
    let text = '';
    child.stdout?.on('data', (bytes: Buffer) => {
      text = (text + bytes.toString()).slice(-5000);
      if (text.includes('first-prediction')) next();
    });
    child.once('exit', () => reject(new Error(`ended before its first prediction: ${text}`)));
  });
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise((next) => child.once('exit', next));
  child.kill('SIGTERM');
  await ended;
}

/** A process with all below it (Linux). */
function lookAt(pid: number, heaps: string): Look {
  const pids = withChildren(pid);
  const sum = (of: (pid: number) => number) => pids.reduce((total, each) => total + of(each), 0);
  return {
    atMs: performance.now(),
    cpuS: sum(cpuSOf),
    writtenBytes: sum(writtenBytesOf),
    processes: pids
      .filter((each) => each === pid || commandOf(each).includes('engine-main'))
      .map((each) => {
        const memory = memoryOf(each) ?? { rssBytes: 0, ownBytes: 0 };
        return { ...memory, heapBytes: Number(readFileSync(join(heaps, String(each)), 'utf8')) };
      }),
  };
}

function steadyOf(looks: readonly Look[]): Steady {
  const [first, last] = [looks[0] as Look, looks.at(-1) as Look];
  const seconds = (last.atMs - first.atMs) / 1000;
  const growth = (bytes: (look: Look) => number, share = 1 / 2) =>
    growthOf(
      looks
        .slice(Math.floor(looks.length * (1 - share)))
        .map((look): Point => ({ atMs: look.atMs, bytes: bytes(look) })),
    );
  const ownBytes = ({ processes }: Look) => processes.reduce((sum, { ownBytes: bytes }) => sum + bytes, 0);
  return {
    coreShare: (last.cpuS - first.cpuS) / seconds,
    rssBytes: last.processes.reduce((sum, { rssBytes }) => sum + rssBytes, 0),
    flashBytesPerS: (last.writtenBytes - first.writtenBytes) / seconds,
    growth: growth(ownBytes),
    lastGrowth: growth(ownBytes, 1 / 4),
    processes: last.processes.map(({ rssBytes, ownBytes: own, heapBytes }, at) => ({
      heapBytes,
      nativeBytes: own - heapBytes,
      fileBytes: rssBytes - own,
      heapGrowth: growth(({ processes }) => processes[at]?.heapBytes ?? 0),
      nativeGrowth: growth(({ processes: all }) => (all[at]?.ownBytes ?? 0) - (all[at]?.heapBytes ?? 0)),
    })),
  };
}
