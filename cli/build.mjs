/**
 * Builds what runs without tsx: the two pages (`pages`), and with no argument also the JavaScript of agent, server and CLI.
 * Plain JavaScript, because set-up runs it before anything else works. `--quiet` says nothing when there is nothing to do.
 */
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { basename, dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const quiet = process.argv.includes('--quiet');
const PAGES = [
  { name: 'status', folder: 'agent/status-page', title: 'Andon device' },
  { name: 'console', folder: 'sync-server/console', title: 'Andon fleet' },
];
const SIDES = [
  { name: 'agent', entries: ['agent/start.ts', 'agent/inference/engine-main.ts'] },
  { name: 'sync-server', entries: ['sync-server/start.ts'] },
  {
    name: 'cli',
    entries: ['cli/andon.ts', 'cli/batch/block-worker.ts', 'agent/inference/engine-main.ts'],
  },
];
/** They find their binaries beside themselves. */
const NATIVE = ['better-sqlite3', 'onnxruntime-node', 'sharp'];
/** Packages in CommonJS ask for Node's own modules by it. */
const REQUIRE = "import{createRequire as $require}from'node:module';const require=$require(import.meta.url);";
/** Messages in fifty languages hang on zod's one object and no bundler drops them: a quarter of what a start would read. */
const ENGLISH_ONLY = {
  name: 'english-only',
  setup: ({ onLoad }) =>
    onLoad({ filter: /zod[\\/]v4[\\/]locales[\\/]index\.js$/ }, () => ({
      contents: "export { default as en } from './en.js';",
    })),
};
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

async function buildPage({ name, folder, title }) {
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
  const shell = readFileSync(join(root, 'web', 'page.html'), 'utf8');
  writeWhole(join(out, 'index.html'), shell.replace('{title}', title));
  const sizes = result.outputFiles.map(
    (file) => `${relative(out, file.path)} ${(file.contents.length / 1024).toFixed(1)} KiB`,
  );
  console.log(`page ${name}: ${sizes.join(', ')} in ${Math.round(performance.now() - started)} ms`);
}

/**
 * The JavaScript of each side in one flat folder, packages included: a start reads a handful of files instead of a thousand
 * (docs/adr/0011-one-bundle-a-side.md). What is imported in the midst of a run stays a file of its own.
 */
async function buildSide({ name, entries }) {
  const started = performance.now();
  const { build } = await import('esbuild');
  const out = join(root, 'dist', name);
  const result = await build({
    entryPoints: entries.map((entry) => join(root, entry)),
    absWorkingDir: root,
    outdir: out,
    entryNames: '[name]',
    write: false,
    bundle: true,
    splitting: true,
    // Names stay, so that a stack in a log can be read.
    minifyWhitespace: true,
    minifySyntax: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    external: NATIVE,
    plugins: [ENGLISH_ONLY],
    banner: { js: REQUIRE },
    legalComments: 'linked',
    logLevel: 'warning',
  });
  mkdirSync(out, { recursive: true });
  for (const file of result.outputFiles) writeWhole(file.path, file.contents);
  const built = new Set(result.outputFiles.map(({ path }) => basename(path)));
  for (const stale of readdirSync(out).filter((name) => !built.has(name))) {
    rmSync(join(out, stale), { recursive: true });
  }
  console.log(
    `code ${name}: ${result.outputFiles.length} files in ${Math.round(performance.now() - started)} ms`,
  );
}

for (const page of PAGES) await buildPage(page);
if (!process.argv.includes('pages')) for (const side of SIDES) await buildSide(side);
