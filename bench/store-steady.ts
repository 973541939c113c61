/** What a quiet device costs: processor, memory and disk at 10 samples a second, against a script that does just the work. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { build } from './build.ts';
import { loneAgent, loneModel } from './lone-agent.ts';

export interface Steady {
  /** Share of one core, all processes together. */
  readonly coreShare: number;
  readonly rssBytes: number;
  /** Slope of a straight line through the memory of all processes. */
  readonly rssGrowthBytesPerMin: number;
  readonly flashBytesPerS: number;
}

interface Look {
  readonly atMs: number;
  readonly cpuS: number;
  readonly rssBytes: number;
  readonly writtenBytes: number;
}

const RATE_PER_S = 10;
const SETTLE_MS = 20_000;
const LOOKS = 60;
const TICKS_PER_S = 100;
const root = resolve(import.meta.dirname, '..');

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
  const children = [
    spawnQuiet(loneAgent(folder, RATE_PER_S)),
    spawnQuiet(['-e', NAIVE_SCRIPT, loneModel, join(folder, 'naive.db')]),
  ];
  try {
    await Promise.all(children.map(firstPrediction));
    await new Promise((next) => setTimeout(next, SETTLE_MS));
    const looks = children.map((): Look[] => []);
    for (let i = 0; i <= LOOKS; i++) {
      if (i > 0) await new Promise((next) => setTimeout(next, (minutes * 60_000) / LOOKS));
      for (const [at, child] of children.entries()) looks[at]?.push(lookAt(child.pid as number));
    }
    const [agent, naive] = looks.map(steadyOf) as [Steady, Steady];
    return { agent, naive };
  } finally {
    for (const child of children) await end(child);
    rmSync(folder, { recursive: true, force: true });
  }
}

function spawnQuiet(args: readonly string[]): ChildProcess {
  return spawn(process.execPath, args, { cwd: root, stdio: ['ignore', 'pipe', 'inherit'] });
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
function lookAt(pid: number): Look {
  const pids = withChildren(pid);
  const sum = (of: (pid: number) => number) => pids.reduce((total, each) => total + of(each), 0);
  return {
    atMs: performance.now(),
    cpuS: sum(cpuTicks) / TICKS_PER_S,
    rssBytes: sum((each) => fieldOf(each, 'status', /VmRSS:\s+(\d+) kB/) * 1024),
    writtenBytes: sum((each) => fieldOf(each, 'io', /^write_bytes: (\d+)$/m)),
  };
}

function withChildren(pid: number): number[] {
  const below = readdirSync(`/proc/${pid}/task`).flatMap((task) =>
    readFileSync(`/proc/${pid}/task/${task}/children`, 'utf8').trim().split(' ').filter(Boolean).map(Number),
  );
  return [pid, ...below.flatMap(withChildren)];
}

function cpuTicks(pid: number): number {
  const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
  // Fields 14 and 15 of proc(5), utime and stime; the second, in brackets, may hold spaces.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return Number(fields[11]) + Number(fields[12]);
}

function fieldOf(pid: number, file: string, pattern: RegExp): number {
  return Number(pattern.exec(readFileSync(`/proc/${pid}/${file}`, 'utf8'))?.[1] ?? 0);
}

function steadyOf(looks: readonly Look[]): Steady {
  const [first, last] = [looks[0] as Look, looks.at(-1) as Look];
  const seconds = (last.atMs - first.atMs) / 1000;
  return {
    coreShare: (last.cpuS - first.cpuS) / seconds,
    rssBytes: last.rssBytes,
    rssGrowthBytesPerMin: slope(looks.map(({ atMs, rssBytes }) => [atMs / 60_000, rssBytes])),
    flashBytesPerS: (last.writtenBytes - first.writtenBytes) / seconds,
  };
}

/** Least squares. */
function slope(points: readonly (readonly [number, number])[]): number {
  const mean = (of: 0 | 1) => points.reduce((sum, point) => sum + point[of], 0) / points.length;
  const [x0, y0] = [mean(0), mean(1)];
  const xy = points.reduce((sum, [x, y]) => sum + (x - x0) * (y - y0), 0);
  return xy / points.reduce((sum, [x]) => sum + (x - x0) ** 2, 0);
}
