/** The engine's program with a leak built in: a batch whose first value is `LEAK` keeps so many MiB for ever. */
import { InferenceSession } from 'onnxruntime-node';

/** Keep equal to the constants of the tests that use this program. */
const LEAK = 777;
const LEAK_MIB = 64;

const leaked: Buffer[] = [];
const create = InferenceSession.create.bind(InferenceSession) as (
  ...args: unknown[]
) => Promise<InferenceSession>;

Object.assign(InferenceSession, {
  create: async (...args: unknown[]) => {
    const session = await create(...args);
    const run = session.run.bind(session) as (...args: unknown[]) => Promise<InferenceSession.ReturnType>;
    session.run = (...runArgs: unknown[]) => {
      const [input] = Object.values(runArgs[0] as InferenceSession.OnnxValueMapType);
      if (input && 'data' in input && input.data[0] === LEAK) {
        leaked.push(Buffer.alloc(LEAK_MIB * 2 ** 20, 1));
      }
      return run(...runArgs);
    };
    return session;
  },
});

await import('../../agent/inference/engine-main.ts');
