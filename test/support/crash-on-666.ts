/** Loaded into an engine process, it builds a native crash in: any batch whose first value is `CRASH` aborts the process. */
import { InferenceSession } from 'onnxruntime-node';

/** Keep equal to the constant of the tests that use this program. */
const CRASH = 666;

const create = InferenceSession.create.bind(InferenceSession) as (
  ...args: unknown[]
) => Promise<InferenceSession>;

Object.assign(InferenceSession, {
  create: async (...args: unknown[]) => {
    const session = await create(...args);
    const run = session.run.bind(session) as (...args: unknown[]) => Promise<InferenceSession.ReturnType>;
    session.run = (...runArgs: unknown[]) => {
      const [input] = Object.values(runArgs[0] as InferenceSession.OnnxValueMapType);
      if (input && 'data' in input && input.data[0] === CRASH) process.abort();
      return run(...runArgs);
    };
    return session;
  },
});
