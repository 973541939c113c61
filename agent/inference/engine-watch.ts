/** Looks at the engine's processes now and then, and ends those that hang; a pause of the whole machine is not their fault. */
import type { Clock } from '../clock.ts';
import type { EngineWorker } from './engine-worker.ts';

const MAX_LOOK_MS = 50;
/** A look that comes this late says that this process did not run either. */
const MAX_LATE_MS = 500;

/** @returns how to end it */
export function watchEngine(workers: ReadonlySet<EngineWorker>, timeoutMs: number, clock: Clock): () => void {
  const nowMs = () => clock.monotonicUs() / 1000;
  const everyMs = Math.min(MAX_LOOK_MS, Math.max(20, timeoutMs / 10));
  const lateMs = Math.min(MAX_LATE_MS, timeoutMs / 2);
  let dueMs = nowMs() + everyMs;
  const timer = setInterval(() => {
    const late = nowMs() - dueMs > lateMs;
    dueMs = nowMs() + everyMs;
    for (const worker of workers) {
      if (late) worker.excuse();
      worker.killIfHung();
    }
  }, everyMs);
  timer.unref();
  return () => clearInterval(timer);
}
