#!/usr/bin/env node
/** The `andon` bin: the built command where there is one, else the TypeScript sources through tsx. Plain JavaScript. */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath, pathToFileURL } from 'node:url';

const [major, minor] = process.versions.node.split('.').map(Number);
if (major < 20 || (major === 20 && minor < 19)) {
  console.error(`Andon needs Node 20.19 or newer; this is Node ${process.versions.node}.`);
  console.error('  Install a newer Node (https://nodejs.org) and run the same command again.');
  process.exit(1);
}

const built = fileURLToPath(new URL('../dist/cli/andon.js', import.meta.url));
if (existsSync(built)) {
  await import(pathToFileURL(built).href);
} else {
  await runSources();
}

async function runSources() {
  let tsx;
  try {
    tsx = import.meta.resolve('tsx');
  } catch {
    console.error('The packages of Andon are not installed.\n  Run: npm install');
    process.exit(1);
  }
  const source = fileURLToPath(new URL('./andon.ts', import.meta.url));
  const child = spawn(process.execPath, ['--import', tsx, source, ...process.argv.slice(2)], {
    stdio: 'inherit',
  });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
    // A terminal's Ctrl-C reaches the child by itself: twice would mean "at once".
    process.on(signal, () => (signal === 'SIGINT' && process.stdin.isTTY) || child.kill(signal));
  }
  child.on('exit', (code) => {
    process.exitCode = code ?? 1;
  });
}
