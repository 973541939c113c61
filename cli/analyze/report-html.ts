/** An analysis as one page that needs no network: the same figures, drawn. Pure. */
import { modelTitle } from '../../protocol/manifest.ts';
import { configLines } from './advice.ts';
import type { Analysis } from './analysis.ts';
import { agreementText, megabytes } from './report-text.ts';
import type { Point } from './sweep.ts';

const WIDTH = 560;
const HEIGHT = 240;
const LEFT = 64;
const BOTTOM = 32;

export function reportHtml(analysis: Analysis): string {
  const { model, machine, sweep, advice, agreement, slot } = analysis;
  const title = `${modelTitle(model)} on this device`;
  const rows = sweep.points.map(
    (point) =>
      `<tr${point === advice.pick ? ' class="pick"' : ''}><td>${point.threads}<td>${point.batch}<td>${point.p50Ms.toFixed(3)}<td>${point.p99Ms.toFixed(3)}<td>${Math.round(point.rowsPerS).toLocaleString('en')}</tr>`,
  );
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>${escaped(title)}</title>
<style>
:root { color-scheme: light dark; --ink: light-dark(#1a1d21, #eceef0); --soft: light-dark(#5a626b, #a6aeb7); --line: light-dark(#d5dade, #3a4149); --a: light-dark(#1a56b0, #7db2f5); --b: light-dark(#9a4a00, #f0a85c); }
body { font: 16px/1.5 system-ui, sans-serif; color: var(--ink); background: light-dark(#fff, #14171a); max-width: 40rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.1rem; margin-top: 2rem; } .soft, text { color: var(--soft); fill: var(--soft); font-size: 0.8rem; }
svg { width: 100%; height: auto; overflow: visible; } .grid { stroke: var(--line); } .line { fill: none; stroke-width: 2; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; } td, th { text-align: right; padding: 0.2rem 0.5rem; border-bottom: 1px solid var(--line); } .pick { font-weight: 700; }
pre { overflow-x: auto; padding: 0.75rem; border: 1px solid var(--line); border-radius: 4px; }
</style>
<h1>${escaped(title)}</h1>
<p class="soft">${escaped(machine)}; ${model.precision}, ${megabytes(model.sizeBytes)} on disk, loads in ${sweep.loadMs.toFixed(0)} ms</p>
<p><strong>${escaped(advice.why)}</strong></p>
<pre>${escaped(configLines(advice.pick, slot))}</pre>
<h2>Rows a second by batch</h2>
${chart(
  sweep.points,
  ({ rowsPerS }) => rowsPerS,
  (value) => Math.round(value).toLocaleString('en'),
  advice.pick,
)}
<h2>Latency of a batch, p99, ms</h2>
${chart(
  sweep.points,
  ({ p99Ms }) => p99Ms,
  (value) => String(Number(value.toPrecision(2))),
  advice.pick,
)}
${agreement ? `<h2>Beside ${escaped(agreement.other.title)}</h2>\n<pre>${escaped(agreementText(agreement))}</pre>` : ''}
<h2>All figures</h2>
<table><tr><th>threads<th>batch<th>p50 ms<th>p99 ms<th>rows/s</tr>${rows.join('')}</table>
</html>
`;
}

/** Both axes by powers: a line for each number of threads; the pick is a ring. */
function chart(
  points: readonly Point[],
  read: (point: Point) => number,
  words: (value: number) => string,
  pick: Point,
): string {
  const batches = [...new Set(points.map(({ batch }) => batch))].toSorted((a, b) => a - b);
  const logs = points.map((point) => Math.log10(read(point)));
  const low = Math.floor(Math.min(...logs));
  const high = Math.max(low + 1, Math.ceil(Math.max(...logs)));
  const x = (batch: number) =>
    LEFT + (batches.indexOf(batch) / Math.max(1, batches.length - 1)) * (WIDTH - LEFT - 90);
  const y = (value: number) => 10 + ((high - Math.log10(value)) / (high - low)) * (HEIGHT - BOTTOM - 10);
  const grid = Array.from({ length: high - low + 1 }, (_, i) => 10 ** (low + i)).map(
    (value) =>
      `<line class="grid" x1="${LEFT}" x2="${WIDTH - 80}" y1="${y(value)}" y2="${y(value)}"/><text x="${LEFT - 8}" y="${y(value) + 4}" text-anchor="end">${words(value)}</text>`,
  );
  const ticks = batches.map(
    (batch) => `<text x="${x(batch)}" y="${HEIGHT - 8}" text-anchor="middle">${batch}</text>`,
  );
  const threads = [...new Set(points.map((point) => point.threads))];
  const lines = threads.map((count, i) => {
    const own = points.filter((point) => point.threads === count);
    const colour = i % 2 === 0 ? 'var(--a)' : 'var(--b)';
    const path = own.map((point) => `${x(point.batch).toFixed(1)},${y(read(point)).toFixed(1)}`).join(' ');
    const last = own.at(-1) ?? pick;
    const dash = i > 1 ? ` stroke-dasharray="${3 * i} 3"` : '';
    // Names of lines that end together stand one below the other.
    const nameY = y(read(last)) + 4 + (i - (threads.length - 1) / 2) * 16;
    return `<polyline class="line" stroke="${colour}"${dash} points="${path}"/><text x="${x(last.batch) + 12}" y="${nameY}" style="fill:${colour}">${count} thread${count === 1 ? '' : 's'}</text>`;
  });
  const ring = `<circle cx="${x(pick.batch)}" cy="${y(read(pick))}" r="6" fill="none" stroke="var(--ink)" stroke-width="2"/>`;
  return `<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="The table below has the same figures">${[...grid, ...ticks, ...lines, ring].join('')}</svg>`;
}

function escaped(text: string): string {
  return text.replace(/[&<>"]/g, (c) => `&#${c.charCodeAt(0)};`);
}
