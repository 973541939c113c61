/** Loaded into an engine process, looks at every batch before ONNX Runtime gets it. */
import { InferenceSession } from 'onnxruntime-node';

/** @param look at the first value of the batch; what it does happens inside the engine's process */
export function beforeRun(look: (first: unknown) => void): void {
  const create = InferenceSession.create.bind(InferenceSession) as (
    ...args: unknown[]
  ) => Promise<InferenceSession>;
  Object.assign(InferenceSession, {
    create: async (...args: unknown[]) => {
      const session = await create(...args);
      const run = session.run.bind(session) as (...args: unknown[]) => Promise<InferenceSession.ReturnType>;
      session.run = (...runArgs: unknown[]) => {
        const [input] = Object.values(runArgs[0] as InferenceSession.OnnxValueMapType);
        if (input && 'data' in input) look(input.data[0]);
        return run(...runArgs);
      };
      return session;
    },
  });
}
