/**
 * The other end of the two transports that the engine does not use: a worker thread that is handed its buffers, and a child
 * process that is sent structured clones. Plain JavaScript: a worker thread has no loader for anything else on Node 20.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { InferenceSession, Tensor } from 'onnxruntime-node';

const { path, input, output, width } = workerData ?? JSON.parse(process.argv[2]);
const session = await InferenceSession.create(path, { intraOpNumThreads: 1, interOpNumThreads: 1 });

async function answer({ id, rows, data }) {
  const results = await session.run({ [input]: new Tensor('float32', data, [rows, width]) });
  return { id, output: results[output].data };
}

if (parentPort) {
  parentPort.on('message', async (batch) => {
    const result = await answer(batch);
    // ONNX Runtime's own memory cannot be handed on: a copy can.
    const copy = result.output.slice();
    parentPort.postMessage({ id: result.id, output: copy }, [copy.buffer]);
  });
  parentPort.postMessage('ready');
} else {
  process.on('message', async (batch) => process.send(await answer(batch)));
  process.on('disconnect', () => process.exit(0));
  process.send('ready');
}
