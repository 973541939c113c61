import { describe, expect, it } from 'vitest';
import { metricsText } from '../../../agent/http/metrics-text.ts';
import { sampleSlot, sampleView } from './sample-view.ts';

describe('GET /metrics', () => {
  it('is Prometheus text: every line a comment or a series', () => {
    const text = metricsText(sampleView(), { SAMPLE_INVALID: 3, 'source.samples': 100 });
    expect(text.endsWith('\n')).toBe(true);
    for (const line of text.trimEnd().split('\n')) {
      expect(line).toMatch(/^# (HELP|TYPE) andon_\w+ .+$|^andon_\w+(\{(\w+="[^"\n]*",?)+\})? -?[\d.e+-]+$/);
    }
    expect(text).toContain('andon_count_total{code="SAMPLE_INVALID"} 3\n');
    expect(text).toContain('andon_latency_microseconds{slot="milling",quantile="0.99"} 300\n');
    expect(text).toContain('andon_backlog_records{stream="feedback"} 0\n');
  });

  it('leaves out what is not known', () => {
    const text = metricsText(sampleView({ slots: [sampleSlot({ metric: null, latencyUs: null })] }), {});
    expect(text).not.toMatch(/andon_online_metric|andon_latency|andon_count/);
  });

  it('escapes what is in labels', () => {
    expect(metricsText(sampleView(), { 'a"b\\c\nd': 1 })).toContain('{code="a\\"b\\\\c\\nd"} 1');
  });
});
