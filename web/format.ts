/** Numbers, times and hashes as people read them: the reader's own separators, local time, 24 hours. */
const whole = new Intl.NumberFormat(undefined, { maximumFractionDigits: 0 });
const oneDigit = new Intl.NumberFormat(undefined, { maximumFractionDigits: 1 });
const ratio = new Intl.NumberFormat(undefined, { minimumFractionDigits: 3, maximumFractionDigits: 3 });
const measured = new Intl.NumberFormat(undefined, { maximumSignificantDigits: 4 });
const share = new Intl.NumberFormat(undefined, { style: 'percent', maximumFractionDigits: 1 });
const clock = new Intl.DateTimeFormat(undefined, {
  hour: '2-digit',
  minute: '2-digit',
  second: '2-digit',
  hourCycle: 'h23',
});
/** At two past midnight, 23:51 is not tonight's. */
const UNMISTAKABLE_MS = 12 * 3_600_000;
const minutes = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' });
const day = new Intl.DateTimeFormat(undefined, { day: 'numeric', month: 'short' });

/** `4,210`; one digit after the point below ten. */
export function formatCount(value: number): string {
  return Math.abs(value) < 10 ? oneDigit.format(value) : whole.format(value);
}

/** `0.842`: a metric or a score. */
export function formatRatio(value: number): string {
  return ratio.format(value);
}

/** `0.842` of a probability, `4.21 mm/s` of a value with a unit. */
export function formatScore({ score, unit }: { score: number; unit: string | null }): string {
  if (unit === null) return formatRatio(score);
  return unit === '' ? measured.format(score) : `${measured.format(score)} ${unit}`;
}

export function formatShare(value: number): string {
  return share.format(value);
}

/** `12:03:22`, with the day before it when that could be taken for today's. */
export function formatClock(timeMs: number, nowMs: number): string {
  return `${dayBefore(timeMs, nowMs)}${clock.format(timeMs)}`;
}

/** `12:03`, with the day before it when that could be taken for today's. */
export function formatMinute(timeMs: number, nowMs: number): string {
  return `${dayBefore(timeMs, nowMs)}${minutes.format(timeMs)}`;
}

function dayBefore(timeMs: number, nowMs: number): string {
  const nearby = Math.abs(nowMs - timeMs) < UNMISTAKABLE_MS;
  return nearby || day.format(timeMs) === day.format(nowMs) ? '' : `${day.format(timeMs)} `;
}

/** `just now`, `12 s ago`, `4 min ago`, `3 h ago`, `2 days ago`. */
export function formatAge(timeMs: number, nowMs: number): string {
  const seconds = Math.max(0, Math.round((nowMs - timeMs) / 1000));
  if (seconds < 3) return 'just now';
  if (seconds < 100) return `${seconds} s ago`;
  if (seconds < 6000) return `${Math.round(seconds / 60)} min ago`;
  if (seconds < 48 * 3600) return `${Math.round(seconds / 3600)} h ago`;
  return `${Math.round(seconds / 86_400)} days ago`;
}

/** `812 B`, `1.4 MB`, in powers of ten as disks are sold. */
export function formatBytes(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let value = bytes;
  let unit = 0;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit++;
  }
  return `${formatCount(value)} ${units[unit]}`;
}

/** `85 µs`, `1.2 ms`. */
export function formatMicros(us: number): string {
  return us < 1000 ? `${whole.format(us)} µs` : `${formatCount(us / 1000)} ms`;
}

const METRIC_NAMES: Record<string, string> = {
  'f-beta': 'F-score',
  'macro-f1': 'macro F1',
  accuracy: 'accuracy',
};

/** The name of a manifest's metric for people. */
export function metricName(name: string): string {
  return METRIC_NAMES[name] ?? name;
}

export function shortHash(sha256: string): string {
  return sha256.slice(0, 8);
}

/** `1 record`, `4,210 records`. */
export function formatCounted(count: number, singular: string, plural = `${singular}s`): string {
  return `${formatCount(count)} ${count === 1 ? singular : plural}`;
}

export function sumOf(values: Partial<Record<string, number>>): number {
  return Object.values(values).reduce<number>((sum, value) => sum + (value ?? 0), 0);
}
