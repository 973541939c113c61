/** Gives the blocks of a file to worker threads, and their answers back in the order of the file. */
import { extname } from 'node:path';
import { Worker } from 'node:worker_threads';
import { CodedError } from '../../protocol/errors.ts';
import type { OpenPlan } from './plan.ts';
import type { Answer, Block, FailureWords, FromWorker, ToWorker } from './worker-messages.ts';

/** One that is worked on and one that waits: more would be memory without speed. */
const BLOCKS_PER_WORKER = 2;

interface Waiting {
  readonly onRead: (rows: number) => void;
  readonly onAnswer: (answer: Answer) => void;
  readonly onFailed: (error: Error) => void;
}

export class WorkerPool {
  readonly #plan: OpenPlan;
  readonly #count: number;
  #workers: Worker[] = [];
  readonly #waiting = new Map<number, Waiting>();
  #failure: Error | undefined;
  #nextIndex = 0;
  /** Number of the first row of the next block. */
  #firstRow: Promise<number> = Promise.resolve(1);
  /** What the row before the next block was called. */
  #labelBefore: Promise<number> = Promise.resolve(0);

  constructor(plan: OpenPlan, workers: number) {
    this.#plan = plan;
    this.#count = workers;
  }

  /** @throws CodedError ENGINE_*: the model does not load */
  async start(): Promise<void> {
    await Promise.all(
      Array.from({ length: this.#count }, () => {
        const worker = newWorker(this.#plan);
        this.#workers.push(worker);
        return new Promise<void>((resolve, reject) => {
          worker.on('error', (error) => this.#fail(error, reject));
          worker.on('message', (message: FromWorker) => {
            if (message.kind === 'ready') resolve();
            else if (message.kind === 'failed') this.#fail(errorOf(message.error), reject);
            else this.#take(message);
          });
        });
      }),
    );
  }

  /**
   * @param start number of the first row of the first block, and what the row before it was called
   * @param isSilent blocks that are only read, for windows that go on from them
   * @throws CodedError of whatever failed first, in any block
   */
  async *answers<B extends Block>(
    blocks: AsyncIterable<B>,
    start: { readonly firstRow: number; readonly labelBefore: number },
    isSilent: (block: B) => boolean,
  ): AsyncGenerator<{ block: B; answer: Answer }> {
    this.#firstRow = Promise.resolve(start.firstRow);
    this.#labelBefore = Promise.resolve(start.labelBefore);
    const open: { block: B; answer: Promise<Answer> }[] = [];
    for await (const block of blocks) {
      open.push({ block, answer: this.#ask(block, isSilent(block)) });
      if (open.length < this.#count * BLOCKS_PER_WORKER) continue;
      const first = open.shift();
      if (first) yield { block: first.block, answer: await first.answer };
    }
    for (const { block, answer } of open) yield { block, answer: await answer };
  }

  async stop(): Promise<void> {
    await Promise.all(
      this.#workers.map(
        (worker) =>
          new Promise<void>((resolve) => {
            worker.once('exit', () => resolve());
            say(worker, { kind: 'stop' });
          }),
      ),
    );
    this.#workers = [];
  }

  #ask(block: Block, silent: boolean): Promise<Answer> {
    const index = this.#nextIndex++;
    const worker = this.#workers[index % this.#count] as Worker;
    const before = this.#firstRow;
    const labelBefore = this.#labelBefore;
    const answer = new Promise<Answer>((resolve, reject) => {
      if (this.#failure) return reject(this.#failure);
      this.#firstRow = new Promise((onNext) => {
        const onRead = (rows: number) => onNext(before.then((row) => row + rows));
        this.#waiting.set(index, { onRead, onAnswer: resolve, onFailed: reject });
      });
      say(
        worker,
        { kind: 'block', index, block, silent },
        'bytes' in block && block.bytes ? [block.bytes.buffer] : [],
      );
      void Promise.all([before, labelBefore]).then(
        ([row, label]) => say(worker, { kind: 'start', index, firstRow: row, labelBefore: label }),
        // The block before has failed, and with it the run.
        () => undefined,
      );
    });
    // Looked at in its turn; until then a failure is no unhandled one.
    answer.catch(() => undefined);
    if (isHeld(this.#plan)) this.#labelBefore = answer.then(({ lastLabel }) => lastLabel);
    return answer;
  }

  #take(message: Extract<FromWorker, { kind: 'read' | 'answer' }>): void {
    const waiting = this.#waiting.get(message.index);
    if (message.kind === 'read') waiting?.onRead(message.rows);
    else {
      this.#waiting.delete(message.index);
      waiting?.onAnswer(message.answer);
    }
  }

  #fail(error: Error, onStart: (error: Error) => void): void {
    this.#failure ??= error;
    onStart(error);
    for (const { onFailed } of this.#waiting.values()) onFailed(error);
    this.#waiting.clear();
  }
}

/** A row's decision depends on the one before: the blocks are run side by side, and decided one after the other. */
function isHeld({ model }: OpenPlan): boolean {
  const { decision } = model.manifest.output;
  return 'release' in decision && decision.release !== undefined;
}

/** A thread does not inherit the loader of TypeScript sources; built files need none. */
function newWorker(plan: OpenPlan): Worker {
  const extension = extname(import.meta.url);
  const entry = new URL(`./block-worker${extension}`, import.meta.url);
  if (extension !== '.ts') return new Worker(entry, { workerData: plan });
  const loader = import.meta.resolve('tsx/esm/api');
  const program = `import('${loader}').then(({ register }) => { register(); return import('${entry.href}'); });`;
  return new Worker(program, { eval: true, workerData: plan });
}

function say(worker: Worker, message: ToWorker, transfer: ArrayBuffer[] = []): void {
  worker.postMessage(message, transfer);
}

function errorOf({ code, message, hint }: FailureWords): Error {
  return new CodedError(code, message, hint === undefined ? {} : { hint });
}
