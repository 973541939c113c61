/** The Prometheus text format, version 0.0.4: families of series, as text. Pure. */
import { BOUNDS_US, type HistogramView } from '../../monitor/histogram.ts';

export type Labels = Readonly<Record<string, string>>;

export interface Series {
  readonly labels?: Labels;
  readonly value: number;
}

/** @returns nothing where there is no series: what is not known is absent, not zero */
export function family(
  name: string,
  type: 'counter' | 'gauge',
  help: string,
  series: readonly Series[],
): string {
  if (series.length === 0) return '';
  return head(name, type, help) + series.map(({ labels, value }) => line(name, labels, value)).join('');
}

/** Times in seconds, as Prometheus wants them. @param name ends in `_seconds` */
export function histogramFamily(
  name: string,
  help: string,
  series: readonly { readonly labels: Labels; readonly view: HistogramView }[],
): string {
  if (series.length === 0) return '';
  const text = series.map(({ labels, view }) => {
    let below = 0;
    const buckets = view.buckets.map((count, i) => {
      below += count;
      const bound = BOUNDS_US[i];
      return line(
        `${name}_bucket`,
        { ...labels, le: bound === undefined ? '+Inf' : String(bound / 1e6) },
        below,
      );
    });
    const sum = line(`${name}_sum`, labels, view.sumUs / 1e6);
    return buckets.join('') + sum + line(`${name}_count`, labels, view.count);
  });
  return head(name, 'histogram', help) + text.join('');
}

function head(name: string, type: string, help: string): string {
  return `# HELP ${name} ${help.replace(/\\/g, '\\\\').replace(/\n/g, '\\n')}\n# TYPE ${name} ${type}\n`;
}

function line(name: string, labels: Labels = {}, value: number): string {
  const pairs = Object.entries(labels).map(([key, text]) => `${key}="${escaped(text)}"`);
  return `${name}${pairs.length > 0 ? `{${pairs.join(',')}}` : ''} ${value}\n`;
}

function escaped(text: string): string {
  return text.replace(/[\\"]/g, '\\$&').replace(/\n/g, '\\n');
}
