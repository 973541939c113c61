/** What was refused, counted, in words. */
import { formatCount } from './format.ts';
import { refusedRows } from './refused-words.ts';

export function RefusedList({ counters, none }: { counters: Record<string, number>; none: string }) {
  const rows = refusedRows(counters);
  if (rows.length === 0) return <p class="soft">{none}</p>;
  return (
    <ul class="refused">
      {rows.map((row) => (
        <li key={row.code}>
          <strong>{formatCount(row.count)}</strong>
          <span>
            {row.words} <code class="small faint">{row.code}</code>
          </span>
        </li>
      ))}
    </ul>
  );
}
