/** Lengths of time for people. Pure. */

const UNITS = [
  ['day', 86_400_000],
  ['hour', 3_600_000],
  ['minute', 60_000],
  ['second', 1000],
] as const;

/** `10 minutes`, `1.5 seconds`, `200 ms`: the largest unit that gives at most one decimal, rounded to it. */
export function durationWords(ms: number): string {
  for (const [name, sizeMs] of UNITS) {
    const amount = ms / sizeMs;
    if (amount < 1 || (name !== 'second' && !Number.isInteger(Math.round(amount * 1e6) / 1e5))) continue;
    const rounded = Math.round(amount * 10) / 10;
    return `${rounded} ${name}${rounded === 1 ? '' : 's'}`;
  }
  return `${Math.round(ms)} ms`;
}
