/** Aligned columns for the terminal. */

/** @returns the header and one line a row, without trailing spaces */
export function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const lines = [header, ...rows];
  const widths = header.map((_, column) => Math.max(...lines.map((line) => width(line[column] ?? ''))));
  return lines
    .map((line) =>
      widths
        .map((wanted, column) => (line[column] ?? '') + ' '.repeat(wanted - width(line[column] ?? '')))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

/** `12 s`, `5 min`, `3 h`, `2 d`: how long ago something was. */
export function age(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 100) return `${seconds} s`;
  if (seconds < 6000) return `${Math.round(seconds / 60)} min`;
  if (seconds < 360_000) return `${Math.round(seconds / 3600)} h`;
  return `${Math.round(seconds / 86_400)} d`;
}

function width(text: string): number {
  return [...text].length;
}
