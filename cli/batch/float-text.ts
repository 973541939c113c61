/** The shortest decimal text that means the same float32. Pure. */

const SCALES = [1e6, 1e7, 1e8, 1e9];
const ZEROS = '000000000';

/** @param value a float32, finite */
export function floatText(value: number): string {
  // Probabilities are most of what is written: whole numbers of their last digit are quicker than `toPrecision`.
  if (value >= 0.001 && value < 1) {
    for (const [i, scale] of SCALES.entries()) {
      const digits = Math.round(value * scale);
      if (Math.fround(digits / scale) === value && digits < scale) return fraction(digits, 6 + i);
    }
  }
  for (let precision = 1; precision < 9; precision++) {
    const short = Number(value.toPrecision(precision));
    if (Math.fround(short) === value) return String(short);
  }
  return String(Number(value.toPrecision(9)));
}

function fraction(digits: number, places: number): string {
  const text = String(digits);
  const padded = ZEROS.slice(0, places - text.length) + text;
  let end = places;
  while (padded.charCodeAt(end - 1) === 0x30) end -= 1;
  return `0.${padded.slice(0, end)}`;
}
