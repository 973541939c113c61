/**
 * Runs benchmarks, each against its baseline in the same run.
 * `npm run bench` prints tables of all; `npm run -s bench -- <name> --json` ends with one JSON object.
 */
import { parseArgs } from 'node:util';
import type { BenchOptions, BenchResult } from './result.ts';

type Run = (say: (line: string) => void, options: BenchOptions) => Promise<BenchResult>;

const benches: Record<string, () => Promise<{ run: Run }>> = {
  batch: () => import('./batch.ts'),
  drift: () => import('./drift.ts'),
  canary: () => import('./canary.ts'),
  engine: () => import('./engine.ts'),
  http: () => import('./http.ts'),
  'selective-labels': () => import('./selective-labels.ts'),
  'slice-gaps': () => import('./slice-gaps.ts'),
  start: () => import('./start.ts'),
  store: () => import('./store.ts'),
  sync: () => import('./sync.ts'),
  thinning: () => import('./thinning.ts'),
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

const { values, positionals } = parseArgs({
  options: { json: { type: 'boolean' }, 'soak-minutes': { type: 'string', default: '0.5' } },
  allowPositionals: true,
});
const soakMinutes = Number(values['soak-minutes']);
if (!(soakMinutes > 0)) throw new RangeError('--soak-minutes takes a number above 0');
const names = positionals.length > 0 ? positionals : Object.keys(benches);
for (const name of names) {
  const load = benches[name];
  if (!load) {
    console.error(`There is no bench "${name}". Known: ${Object.keys(benches).join(', ')}.`);
    process.exit(1);
  }
  const { run } = await load();
  const result = await run((line) => console.error(line), { soakMinutes });
  console.log(values.json ? JSON.stringify(result) : `${table(result)}\n`);
}
