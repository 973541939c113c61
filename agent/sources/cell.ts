/** What the text in a cell means: a number, a word, nothing, a time. */

const NUMBER = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/;
const TIME = /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d(?::\d\d(?:\.\d+)?)?)(Z|[+-]\d\d:?\d\d)?)?$/;

/**
 * Plain decimal notation becomes a number and blank becomes null. Everything else stays a word (`NaN`, `1,5`, `0x10`,
 * `1e999`), which the validator refuses where the model expects a number.
 */
export function cellValue(text: string): number | string | null {
  const trimmed = text.trim();
  if (trimmed === '') return null;
  if (!NUMBER.test(trimmed)) return trimmed;
  const value = Number(trimmed);
  return Number.isFinite(value) ? value : trimmed;
}

/**
 * ms since the Unix epoch from ISO 8601 text (a blank for the `T` is fine, no zone means UTC) or from a number of ms.
 * Undefined when it is neither.
 */
export function cellTime(value: unknown): number | undefined {
  if (typeof value === 'number') return Number.isFinite(value) ? value : undefined;
  if (typeof value !== 'string') return undefined;
  const [, date, time, zone] = TIME.exec(value.trim()) ?? [];
  if (date) {
    const ms = Date.parse(`${date}T${time ?? '00:00'}${zone ?? 'Z'}`);
    return Number.isNaN(ms) ? undefined : ms;
  }
  const number = cellValue(value);
  return typeof number === 'number' ? number : undefined;
}
