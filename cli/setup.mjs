/**
 * Sets the project up: installs the packages when they are missing or older than the lock, checks that the two native
 * ones load, builds the pages. Plain JavaScript with no dependency, because it runs before there are any.
 */
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const stampFile = join(root, 'node_modules', '.andon-setup.json');
const OLDEST_NODE = [20, 19];

const NATIVE_PROBE = `
  const Database = require('better-sqlite3');
  new Database(':memory:').close();
  require('onnxruntime-node');
`;

function fail(lines) {
  console.error(`\n${lines.join('\n')}`);
  process.exit(1);
}

function checkNode() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major > OLDEST_NODE[0] || (major === OLDEST_NODE[0] && minor >= OLDEST_NODE[1])) return;
  fail([
    `Andon needs Node ${OLDEST_NODE.join('.')} or newer; this is Node ${process.versions.node}.`,
    'Install a newer Node (https://nodejs.org) and run the same command again.',
  ]);
}

/** What an installation was made for: another lock or another Node asks for a new one. */
function wantedStamp() {
  return {
    lock: createHash('sha256')
      .update(readFileSync(join(root, 'package-lock.json')))
      .digest('hex'),
    abi: process.versions.modules,
    platform: `${process.platform}-${process.arch}`,
  };
}

function isInstalled(wanted) {
  if (!existsSync(stampFile)) return false;
  const stamp = JSON.parse(readFileSync(stampFile, 'utf8'));
  return Object.entries(wanted).every(([key, value]) => stamp[key] === value);
}

function nativeProblem() {
  const probe = spawnSync(process.execPath, ['-e', NATIVE_PROBE], { cwd: root, encoding: 'utf8' });
  return probe.status === 0 ? undefined : probe.stderr || `exit ${probe.status ?? probe.signal}`;
}

/** The environment that lets both native packages install without fetching anything but the packages themselves. */
function installEnvironment() {
  const env = { ...process.env, ONNXRUNTIME_NODE_INSTALL: 'skip' };
  const prefix = dirname(dirname(process.execPath));
  // Headers that came with this very Node spare node-gyp a download; another version's would build what does not load.
  if (!env.npm_config_nodedir && headersVersion(prefix) === process.versions.node)
    env.npm_config_nodedir = prefix;
  return env;
}

/** Version of the C++ headers below `prefix`, if any. */
function headersVersion(prefix) {
  const file = join(prefix, 'include', 'node', 'node_version.h');
  if (!existsSync(file)) return undefined;
  const text = readFileSync(file, 'utf8');
  return ['MAJOR', 'MINOR', 'PATCH']
    .map((part) => new RegExp(`#define NODE_${part}_VERSION (\\d+)`).exec(text)?.[1])
    .join('.');
}

async function install() {
  const started = Date.now();
  const seconds = () => Math.round((Date.now() - started) / 1000);
  console.log('Setting up: installing packages (about a minute; SQLite may be compiled for your Node) …');
  const npm = process.env.npm_execpath?.endsWith('.js')
    ? [process.execPath, process.env.npm_execpath]
    : [process.platform === 'win32' ? 'npm.cmd' : 'npm'];
  const child = spawn(npm[0], [...npm.slice(1), 'ci', '--no-audit', '--no-fund', '--loglevel=error'], {
    cwd: root,
    env: installEnvironment(),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (bytes) => {
      output = (output + bytes).slice(-20_000);
    });
  }
  const ticker = setInterval(() => console.log(`  … still installing, ${seconds()} s`), 15_000);
  const code = await new Promise((resolve) => {
    child.on('error', (error) => {
      output += error.message;
      resolve(1);
    });
    child.on('close', resolve);
  });
  clearInterval(ticker);
  if (code !== 0) explainInstallFailure(output);
  console.log(`  packages installed in ${seconds()} s`);
}

function explainInstallFailure(output) {
  const advice = /ENOSPC|no space left/i.test(output)
    ? [
        'The disk is full. Andon needs about 700 MB for its packages. Free some room and run the same command again.',
      ]
    : /ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ETIMEDOUT|network/i.test(output)
      ? [
          'The package registry could not be reached. Check the network or proxy (npm config get registry) and run the same command again.',
        ]
      : /gyp|better-sqlite3|prebuild/i.test(output)
        ? [
            'SQLite (better-sqlite3) has no ready-made binary for this Node and could not be compiled.',
            'Install the compiler tools and run the same command again:',
            '  Debian, Ubuntu:  sudo apt-get install -y python3 make g++',
            '  Fedora:          sudo dnf install -y python3 make gcc-c++',
            '  macOS:           xcode-select --install',
          ]
        : ['npm ci failed; the end of what it said stands above. Mend that and run the same command again.'];
  fail([output.trim().split('\n').slice(-25).join('\n'), '', ...advice]);
}

async function main() {
  checkNode();
  const quiet = process.argv.includes('--quiet-when-ready');
  const wanted = wantedStamp();
  if (!isInstalled(wanted)) {
    const plainCiDidIt =
      existsSync(join(root, 'node_modules', '.package-lock.json')) && !existsSync(stampFile);
    if (!plainCiDidIt || nativeProblem()) await install();
    const problem = nativeProblem();
    if (problem) {
      fail([
        problem.trim().split('\n').slice(0, 8).join('\n'),
        '',
        'The packages are installed, but a native one (better-sqlite3 or onnxruntime-node) does not load on this machine.',
        /NODE_MODULE_VERSION/.test(problem)
          ? 'It was compiled for another Node. Run "npm config delete nodedir" if that is set, delete node_modules, and run the same command again.'
          : 'Delete node_modules and run the same command again; on Linux they need glibc 2.28 or newer (not Alpine/musl).',
      ]);
    }
    writeFileSync(stampFile, `${JSON.stringify(wanted)}\n`);
  } else if (!quiet) {
    console.log('Packages are installed and match the lock.');
  }
  const pages = spawnSync(
    process.execPath,
    [join(root, 'cli', 'build.mjs'), 'pages', ...(quiet ? ['--quiet'] : [])],
    {
      stdio: 'inherit',
    },
  );
  if (pages.status !== 0) fail(['The pages could not be built; what went wrong stands above.']);
}

await main();
