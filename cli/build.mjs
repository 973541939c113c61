/**
 * Builds what runs without tsx: the two pages (`pages`), and with no argument also the JavaScript of agent, server and CLI.
 * Plain JavaScript, because set-up runs it before anything else works. `--quiet` says nothing when there is nothing to do.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const quiet = process.argv.includes('--quiet');
const PAGES = [
  { name: 'status', folder: 'agent/status-page' },
  { name: 'console', folder: 'sync-server/console' },
];
/** What both pages are made of beside their own folder. */
const SHARED_INPUTS = ['web', 'cli/build.mjs', 'package-lock.json'];

function newestMs(path) {
  const stat = statSync(path);
  if (!stat.isDirectory()) return stat.mtimeMs;
  return Math.max(stat.mtimeMs, ...readdirSync(path).map((name) => newestMs(join(path, name))));
}

function isFresh(outputs, inputs) {
  try {
    const oldest = Math.min(...outputs.map((path) => statSync(path).mtimeMs));
    return oldest >= Math.max(...inputs.map((path) => newestMs(join(root, path))));
  } catch (error) {
    if (error.code === 'ENOENT') return false;
    throw error;
  }
}

/** Whole or not at all: two builds at once, or a server that reads meanwhile, never see half a file. */
function writeWhole(path, bytes) {
  const temporary = `${path}.${process.pid}.tmp`;
  writeFileSync(temporary, bytes);
  renameSync(temporary, path);
}

async function buildPage({ name, folder }) {
  const out = join(root, 'dist', 'pages', name);
  const outputs = ['index.html', 'app.js', 'app.css'].map((file) => join(out, file));
  if (isFresh(outputs, [folder, ...SHARED_INPUTS])) {
    if (!quiet) console.log(`page ${name}: up to date`);
    return;
  }
  const started = performance.now();
  const { build } = await import('esbuild');
  const result = await build({
    entryPoints: { app: join(root, folder, 'main.tsx') },
    absWorkingDir: root,
    outdir: out,
    write: false,
    bundle: true,
    minify: true,
    format: 'esm',
    target: 'es2022',
    jsx: 'automatic',
    jsxImportSource: 'preact',
    legalComments: 'none',
    logLevel: 'warning',
  });
  mkdirSync(out, { recursive: true });
  for (const file of result.outputFiles) writeWhole(file.path, file.contents);
  writeWhole(join(out, 'index.html'), readFileSync(join(root, folder, 'index.html')));
  const sizes = result.outputFiles.map(
    (file) => `${relative(out, file.path)} ${(file.contents.length / 1024).toFixed(1)} KiB`,
  );
  console.log(`page ${name}: ${sizes.join(', ')} in ${Math.round(performance.now() - started)} ms`);
}

function compile() {
  const started = performance.now();
  const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
  const result = spawnSync(process.execPath, [tsc, '-p', join(root, 'tsconfig.build.json')], {
    stdio: 'inherit',
  });
  if (result.status !== 0) process.exit(result.status ?? 1);
  console.log(`code: dist/ in ${Math.round(performance.now() - started)} ms`);
}

for (const page of PAGES) await buildPage(page);
if (!process.argv.includes('pages')) compile();
