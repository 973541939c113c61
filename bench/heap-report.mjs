/** Loaded into a process that a bench looks at: says once a second how many bytes of memory V8's heap takes. */
import { openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { getHeapStatistics } from 'node:v8';
import { isMainThread } from 'node:worker_threads';

if (isMainThread) {
  const fd = openSync(join(process.env.BENCH_HEAP_FOLDER, String(process.pid)), 'w');
  // Always as long, in one write: whoever reads never sees half of it.
  const report = () => writeSync(fd, String(getHeapStatistics().total_physical_size).padStart(15), 0);
  report();
  setInterval(report, 1000).unref();
}
