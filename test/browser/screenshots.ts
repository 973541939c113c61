/** Takes a picture of every state of both pages: `node --import tsx test/browser/screenshots.ts <folder> [name part]`. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { PageServer } from '../support/page-server.ts';
import { buildPages, launchChromium } from './chromium.ts';
import { millingMetrics } from './fixtures/fleet-metrics.ts';
import * as fleet from './fixtures/fleet-views.ts';
import * as status from './fixtures/status-views.ts';

const SCREENS = {
  desktop: { width: 1440, height: 900 },
  phone: { width: 390, height: 844 },
  wall: { width: 1920, height: 1080 },
};

const folder = process.argv[2] ?? 'dist/screenshots';
const part = process.argv[3] ?? '';

const shots = [
  ...Object.entries(status).flatMap(([name, view]) =>
    typeof view === 'object'
      ? [{ name: `status-${name}`, page: 'status' as const, view: view as unknown }]
      : [],
  ),
  ...Object.entries(fleet).map(([name, view]) => ({
    name: `console-${name}`,
    page: 'console' as const,
    view: view as unknown,
  })),
];

buildPages();
mkdirSync(folder, { recursive: true });
const browser = await launchChromium();
for (const shot of shots) {
  const server = new PageServer(shot.page, shot.view);
  server.others.set('/api/metrics/machine-failure', millingMetrics);
  const url = await server.start();
  for (const [screen, viewport] of Object.entries(SCREENS)) {
    for (const colorScheme of ['light', 'dark'] as const) {
      const name = `${shot.name}-${screen}-${colorScheme}`;
      if (!name.includes(part)) continue;
      const page = await browser.newPage({ viewport, colorScheme, locale: 'en-GB', timezoneId: 'UTC' });
      await page.goto(url);
      await page.getByTestId('board').waitFor();
      await page.screenshot({ path: join(folder, `${name}.png`), fullPage: true });
      await page.close();
      console.log(name);
    }
  }
  await server.stop();
}
await browser.close();
