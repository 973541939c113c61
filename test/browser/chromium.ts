/** The one browser of the browser tests: Debian's Chromium, offline but for the loopback. */
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type Browser, chromium } from 'playwright-core';

const path = process.env.ANDON_CHROMIUM ?? '/usr/bin/chromium';
const required = process.env.ANDON_REQUIRE_SYSTEM === '1';

/** True when the browser tests should be skipped; says so once. Never where the system parts are required. */
export function chromiumMissing(): boolean {
  if (existsSync(path) || required) return false;
  console.warn(`Skipped: no Chromium at ${path}. Set ANDON_CHROMIUM to its path to run the browser tests.`);
  return true;
}

export function buildPages(): void {
  const root = join(import.meta.dirname, '..', '..');
  execFileSync(process.execPath, [join(root, 'cli', 'build.mjs'), 'pages', '--quiet'], {
    stdio: 'inherit',
    timeout: 120_000,
  });
}

export function launchChromium(): Promise<Browser> {
  return chromium.launch({
    executablePath: path,
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  });
}
