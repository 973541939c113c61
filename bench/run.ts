/**
 * Runs benchmarks, each against its baseline in the same run.
 * `npm run bench` prints tables of all; `npm run -s bench -- <name> --json` ends with one JSON object.
 */
import { parseArgs } from 'node:util';
import type { BenchResult } from './result.ts';

const benches: Record<string, () => Promise<{ run: (say: (line: string) => void) => Promise<BenchResult> }>> =
  {
    batch: () => import('./batch.ts'),
    drift: () => import('./drift.ts'),
    canary: () => import('./canary.ts'),
    engine: () => import('./engine.ts'),
    http: () => import('./http.ts'),
    'selective-labels': () => import('./selective-labels.ts'),
    'slice-gaps': () => import('./slice-gaps.ts'),
    start: () => import('./start.ts'),
    sync: () => import('./sync.ts'),
    transport: () => import('./transport.ts'),
    update: () => import('./update.ts'),
  };

function table(result: BenchResult): string {
  const rows = [...Object.entries(result.ratios), ...Object.entries(result.figures)];
  const width = Math.max(...rows.map(([name]) => name.length));
  const lines = rows.map(([name, value]) => {
    const shown = Math.abs(value) >= 100 ? Math.round(value).toLocaleString('en') : value.toFixed(2);
    return `  ${name.padEnd(width)}  ${shown.padStart(12)}${name in result.ratios ? ' x' : ''}`;
  });
  return [`${result.name} — against ${result.baseline}`, ...lines].join('\n');
}

const { values, positionals } = parseArgs({ options: { json: { type: 'boolean' } }, allowPositionals: true });
const names = positionals.length > 0 ? positionals : Object.keys(benches);
for (const name of names) {
  const load = benches[name];
  if (!load) {
    console.error(`There is no bench "${name}". Known: ${Object.keys(benches).join(', ')}.`);
    process.exit(1);
  }
  const { run } = await load();
  const result = await run((line) => console.error(line));
  console.log(values.json ? JSON.stringify(result) : `${table(result)}\n`);
}
