/** A moment as people write it on a command line. Pure. */

const MS_OF = { d: 86_400_000, h: 3_600_000, m: 60_000 } as const;

/**
 * `2026-11-01` (midnight UTC), `2026-11-01T06:00Z`, or how long ago: `14d`, `8h`, `30m`.
 * @returns ms since the Unix epoch; undefined when it is none of these
 */
export function parsePastTime(text: string, nowMs: number): number | undefined {
  const ago = /^(\d{1,5})([dhm])$/.exec(text);
  if (ago) return Math.max(0, nowMs - Number(ago[1]) * MS_OF[ago[2] as keyof typeof MS_OF]);
  if (!/^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d{1,3})?)?(Z|[+-]\d\d:\d\d))?$/.test(text)) return undefined;
  const timeMs = Date.parse(text);
  return Number.isNaN(timeMs) || timeMs < 0 ? undefined : timeMs;
}
