import { describe, expect, it } from 'vitest';
import { type MetricsParts, metricsText } from '../../../../agent/http/metrics/metrics-text.ts';
import { InferenceFigures } from '../../../../agent/monitor/inference-figures.ts';
import { sampleSlot, sampleView } from '../sample-view.ts';
import { parseExposition } from './prometheus-parser.ts';

function textOf(change: Partial<MetricsParts> = {}): string {
  return metricsText({
    view: sampleView(),
    counters: {},
    models: [],
    pending: {},
    process: { cpuSeconds: 1.5, rssBytes: 1e8, heapUsedBytes: 2e7, eventLoopDelayS: null },
    startedAtMs: 1_700_000_000_000,
    connections: 2,
    ...change,
  });
}

function metricIn(text: string, name: string, labels: Record<string, string> = {}): number | undefined {
  const all = [...parseExposition(text).values()].flatMap(({ series }) => series);
  return all.find(
    (series) =>
      series.name === name && Object.entries(labels).every(([key, value]) => series.labels[key] === value),
  )?.value;
}

function busyModel(): InferenceFigures {
  const figures = new InferenceFigures({ wallMs: () => 1 });
  const model = { manifest: { name: 'tiny', version: 3 } };
  figures.queued('milling', model, [40, 60]);
  figures.executed('milling', model, { rows: 2, requests: 2, inputUs: 10, computeUs: 100 });
  figures.decided('milling', model, 5, [300, 20_000_000]);
  figures.committed('milling', model, 2, 4000);
  figures.failed('milling', model, [700]);
  return figures;
}

describe('GET /metrics', () => {
  it('is text that a strict scraper takes, with what the device knows', () => {
    const text = textOf({ counters: { SAMPLE_INVALID: 3, 'sync.bytes-sent': 100 } });
    expect(metricIn(text, 'andon_count_total', { code: 'SAMPLE_INVALID' })).toBe(3);
    expect(metricIn(text, 'andon_upload_bytes_total')).toBe(100);
    expect(metricIn(text, 'andon_latency_microseconds', { slot: 'milling', quantile: '0.99' })).toBe(300);
    expect(metricIn(text, 'andon_backlog_records', { stream: 'feedback' })).toBe(0);
    expect(metricIn(text, 'process_cpu_seconds_total')).toBe(1.5);
    expect(metricIn(text, 'andon_http_connections')).toBe(2);
  });

  it('tells of each model of a slot what Triton tells of it', () => {
    const text = textOf({ models: busyModel().all(), pending: { milling: 7 } });
    const model = { slot: 'milling', model: 'tiny', version: '3' };
    expect(metricIn(text, 'andon_inference_request_success_total', model)).toBe(2);
    expect(metricIn(text, 'andon_inference_request_failure_total', model)).toBe(1);
    expect(metricIn(text, 'andon_inference_exec_count_total', model)).toBe(1);
    expect(metricIn(text, 'andon_inference_pending_request_count', { slot: 'milling' })).toBe(7);
    const queue = 'andon_inference_queue_duration_seconds';
    expect(metricIn(text, `${queue}_bucket`, { ...model, le: '0.00005' })).toBe(1);
    expect(metricIn(text, `${queue}_bucket`, { ...model, le: '0.0001' })).toBe(2);
    expect(metricIn(text, `${queue}_sum`, model)).toBeCloseTo(0.0001);
    const whole = 'andon_inference_request_duration_seconds';
    expect(metricIn(text, `${whole}_bucket`, { ...model, le: '10' })).toBe(1);
    expect(metricIn(text, `${whole}_bucket`, { ...model, le: '+Inf' })).toBe(2);
    expect(metricIn(text, 'andon_inference_commit_duration_seconds_count', model)).toBe(2);
  });

  it('leaves out what is not known', () => {
    const text = textOf({ view: sampleView({ slots: [sampleSlot({ metric: null, latencyUs: null })] }) });
    expect(text).not.toMatch(/andon_online_metric|andon_latency|andon_count_total|eventloop|andon_inference/);
  });

  it('keeps what is in labels, whatever it is', () => {
    expect(
      metricIn(textOf({ counters: { 'a"b\\c\nd': 1 } }), 'andon_count_total', { code: 'a"b\\c\nd' }),
    ).toBe(1);
  });
});
