/** One browser a file of tests; the pages that a test opens are closed after it. */
import type { Browser } from 'playwright-core';
import { afterAll, afterEach, beforeAll } from 'vitest';
import { buildPages, launchChromium } from './chromium.ts';
import { type OpenedPage, openPage } from './open-page.ts';

type OpenOptions = Parameters<typeof openPage>[3];

/** @returns opens the page with a view */
export function usePage<View>(
  which: 'status' | 'console',
): (view: View, options?: OpenOptions) => Promise<OpenedPage> {
  let browser: Browser;
  const opened: OpenedPage[] = [];
  beforeAll(async () => {
    buildPages();
    browser = await launchChromium();
  });
  afterAll(() => browser?.close());
  afterEach(async () => {
    for (const each of opened.splice(0)) await each.close();
  });
  return async (view, options) => {
    const page = await openPage(browser, which, view, options);
    opened.push(page);
    return page;
  };
}
