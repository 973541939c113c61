/** The engine's program with a native crash built in: a batch whose first value is `CRASH` aborts it, in models with a loop. */
import { InferenceSession } from 'onnxruntime-node';

/** Keep equal to the constant of update-swap.ts. */
const CRASH = 666;

const create = InferenceSession.create.bind(InferenceSession) as (
  bytes: Uint8Array,
  ...options: unknown[]
) => Promise<InferenceSession>;

Object.assign(InferenceSession, {
  create: async (bytes: Uint8Array, ...options: unknown[]) => {
    const session = await create(bytes, ...options);
    if (!Buffer.from(bytes).includes('Loop')) return session;
    const run = session.run.bind(session) as (...args: unknown[]) => Promise<InferenceSession.ReturnType>;
    session.run = (...args: unknown[]) => {
      const [input] = Object.values(args[0] as InferenceSession.OnnxValueMapType);
      if (input && 'data' in input && input.data[0] === CRASH) process.abort();
      return run(...args);
    };
    return session;
  },
});

await import('../agent/inference/engine-main.ts');
