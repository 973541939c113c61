/** A value of anybody's making as JSON, for words and for cells: whatever it is, this is a text. */

/** One word for a value that is nested deeper than this can go, as only an attacker or an accident makes it. */
const TOO_DEEP = '"nested too deep"';

export function jsonText(value: unknown): string {
  try {
    return JSON.stringify(value) ?? String(value);
  } catch (error) {
    if (error instanceof RangeError) return TOO_DEEP;
    throw error;
  }
}
