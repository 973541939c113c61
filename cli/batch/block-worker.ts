/** A worker thread of `andon batch` with an engine process of its own: block in, lines out. Started by worker-pool.ts. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parentPort, workerData } from 'node:worker_threads';
import { pino } from 'pino';
import { systemClock } from '../../agent/clock.ts';
import { EngineProcess } from '../../agent/inference/engine-client.ts';
import { Decider } from '../../agent/pipeline/decider.ts';
import { Counters } from '../../daemon/counters.ts';
import { CodedError, codeOf } from '../../protocol/errors.ts';
import { answeredRows, askEngine, type BlockAnswers, type BlockStart } from './block-answers.ts';
import { BlockReader } from './block-reader.ts';
import type { BlockRows } from './block-rows.ts';
import { ParquetReader } from './parquet-blocks.ts';
import type { OpenPlan } from './plan.ts';
import { csvLines, ndjsonLines, rejectedLines } from './text-output.ts';
import type { Answer, Block, Columns, FromWorker, ToWorker } from './worker-messages.ts';

/** A block has thousands of rows, on a machine that may be busy. */
const ENGINE_TIMEOUT_MS = 60_000;

const plan = workerData as OpenPlan;
const reader = new BlockReader(plan);
const parquet = new ParquetReader(plan.input.path, plan.columns);
const engine = new EngineProcess({
  threads: 1,
  timeoutMs: ENGINE_TIMEOUT_MS,
  log: pino({ level: 'silent' }),
  clock: systemClock,
  counters: new Counters(),
});
const onStart = new Map<number, (start: BlockStart) => void>();
/** Blocks are read one after the other: a window goes on from one to the next. */
let lastRead: Promise<unknown> = Promise.resolve();

parentPort?.on('message', (message: ToWorker) => {
  if (message.kind === 'start') {
    const decider = new Decider(plan.model.manifest.output.decision, message.labelBefore);
    onStart.get(message.index)?.({ firstRow: message.firstRow, decider });
  } else if (message.kind === 'stop') void engine.stop().then(() => process.exit(0));
  else void work(message).catch((error: unknown) => fail(message.index, error));
});

try {
  await engine.start();
  await engine.load(plan.model);
  say({ kind: 'ready' });
} catch (error) {
  fail(null, error);
}

async function work({ index, block, silent }: Extract<ToWorker, { kind: 'block' }>): Promise<void> {
  const start = new Promise<BlockStart>((resolve) => onStart.set(index, resolve));
  const read = lastRead.then(() => rowsOf(block));
  lastRead = read.catch(() => undefined);
  const rows = await read;
  say({ kind: 'read', index, rows: rows.count });
  const answers = silent
    ? { width: 1, outputs: new Float32Array(), refused: new Map() }
    : await askEngine(engine, plan, rows);
  const answer = answerOf(silent ? reader.none() : rows, answers, await start);
  onStart.delete(index);
  say({ kind: 'answer', index, answer }, answer.output instanceof Uint8Array ? [answer.output.buffer] : []);
}

async function rowsOf(block: Block): Promise<BlockRows> {
  if ('names' in block) {
    return reader.images(block.names, (name) => readFileSync(join(plan.input.path, name)));
  }
  if ('group' in block) return reader.objects(await parquet.rows(block));
  // A buffer comes over from another thread as the bytes that it is.
  if (block.bytes)
    return reader.text(Buffer.from(block.bytes.buffer, block.bytes.byteOffset, block.bytes.length));
  return reader.tooLong(block.tooLongBytes);
}

function answerOf(rows: BlockRows, answers: BlockAnswers, start: BlockStart): Answer {
  const { text, codes } = rejectedLines(rows, answers, start.firstRow);
  const output = outputOf(rows, answers, start);
  const predicted = rows.places.length - answers.refused.size;
  return {
    output,
    rejected: text,
    lastLabel: start.decider.lastLabel,
    counts: { rows: rows.count, predicted, notDue: rows.notDue, rejected: codes },
  };
}

function outputOf(rows: BlockRows, answers: BlockAnswers, start: BlockStart): Answer['output'] {
  switch (plan.output.format) {
    case 'csv':
      return new TextEncoder().encode(csvLines(plan, rows, answers, start));
    case 'ndjson':
      return new TextEncoder().encode(ndjsonLines(plan, rows, answers, start));
    case 'parquet':
      return columnsOf(rows, answers, start);
  }
}

function columnsOf(rows: BlockRows, { width, outputs, refused }: BlockAnswers, start: BlockStart): Columns {
  const columns: Columns = { row: [], key: [], kept: [], label: [], score: [], outputs: [] };
  const kept = plan.output.keep.length;
  for (const { row, key, label, score, at } of answeredRows(plan, rows, { width, outputs, refused }, start)) {
    columns.row.push(row);
    columns.key.push(key);
    columns.label.push(label);
    columns.score.push(score);
    for (let k = 0; k < kept; k++) columns.kept.push(rows.kept[at * kept + k] ?? null);
    if (!plan.output.allOutputs) continue;
    for (let k = 0; k < width; k++) columns.outputs.push(outputs[at * width + k] as number);
  }
  return columns;
}

function fail(index: number | null, error: unknown): void {
  const hint = error instanceof CodedError ? error.hint : undefined;
  const message = error instanceof Error ? error.message : String(error);
  say({ kind: 'failed', index, error: { code: codeOf(error), message, hint } });
}

function say(message: FromWorker, transfer: ArrayBuffer[] = []): void {
  parentPort?.postMessage(message, transfer);
}
