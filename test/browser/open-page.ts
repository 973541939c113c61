/** Opens a built page in Chromium and notes everything that a calm page must not do. */
import type { Browser, Page } from 'playwright-core';
import { PageServer } from '../support/page-server.ts';
import { millingMetrics } from './fixtures/fleet-metrics.ts';

export interface OpenedPage {
  readonly page: Page;
  readonly server: PageServer;
  /** Console errors, uncaught exceptions, CSP violations and requests to other origins, in words. */
  readonly complaints: string[];
  close(): Promise<void>;
}

export async function openPage(
  browser: Browser,
  which: 'status' | 'console',
  view: unknown,
  /** `ownClock`: the page's time can be moved forward by `page.clock`. */
  options: { width?: number; colorScheme?: 'light' | 'dark'; ownClock?: boolean } = {},
): Promise<OpenedPage> {
  const server = new PageServer(which, view);
  server.others.set('/api/metrics/machine-failure', millingMetrics);
  const url = await server.start();
  const page = await browser.newPage({
    viewport: { width: options.width ?? 1440, height: 900 },
    colorScheme: options.colorScheme ?? 'light',
    reducedMotion: 'reduce',
    locale: 'en-GB',
    timezoneId: 'UTC',
  });
  const complaints: string[] = [];
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text());
  });
  page.on('pageerror', (error) => complaints.push(String(error)));
  page.on('request', (request) => {
    const to = request.url();
    if (!to.startsWith(url) && !to.startsWith('data:')) complaints.push(`request to ${to}`);
  });
  if (options.ownClock) await page.clock.install();
  await page.goto(url);
  await page.getByTestId('board').waitFor();
  return {
    page,
    server,
    complaints,
    close: async () => {
      await page.close();
      await server.stop();
    },
  };
}

/** How far the content reaches beyond the right edge of the window, CSS pixels. */
export function overflowPx(page: Page): Promise<number> {
  return page.evaluate('document.documentElement.scrollWidth - document.documentElement.clientWidth');
}
