/** The agent's process and its machine, under the names that Prometheus clients use for them everywhere. */
import type { ProcessFigures } from '../../monitor/process-figures.ts';
import { family } from './exposition.ts';

export interface ProcessParts {
  readonly process: ProcessFigures;
  readonly startedAtMs: number;
  /** Open connections to this device's own HTTP. */
  readonly connections: number;
}

export function processMetrics({ process, startedAtMs, connections }: ProcessParts): string {
  const delay = process.eventLoopDelayS;
  const one = (name: string, type: 'counter' | 'gauge', help: string, value: number | undefined) =>
    family(name, type, help, value === undefined ? [] : [{ value }]);
  return [
    one('process_cpu_seconds_total', 'counter', 'CPU time of the agent’s process.', process.cpuSeconds),
    one(
      'process_resident_memory_bytes',
      'gauge',
      'Resident memory of the agent’s process.',
      process.rssBytes,
    ),
    one('process_start_time_seconds', 'gauge', 'When the agent started, Unix time.', startedAtMs / 1000),
    one('nodejs_heap_size_used_bytes', 'gauge', 'JavaScript heap in use.', process.heapUsedBytes),
    one('nodejs_eventloop_lag_p50_seconds', 'gauge', 'Delay of the event loop in the last 10 s.', delay?.p50),
    one('nodejs_eventloop_lag_p99_seconds', 'gauge', 'Delay of the event loop in the last 10 s.', delay?.p99),
    one('nodejs_eventloop_lag_max_seconds', 'gauge', 'Delay of the event loop in the last 10 s.', delay?.max),
    one('andon_http_connections', 'gauge', 'Open connections to this device’s own HTTP.', connections),
  ].join('');
}
