/** The operators' page in a real browser, against a stand-in for the agent. */
import { describe, expect, it } from 'vitest';
import type { StatusView } from '../../agent/http/view.ts';
import { waitFor } from '../support/wait-for.ts';
import { chromiumMissing } from './chromium.ts';
import { contrastProblems } from './contrast.ts';
import { NOW_MS } from './fixtures/status-slots.ts';
import * as views from './fixtures/status-views.ts';
import { overflowPx } from './open-page.ts';
import { usePage } from './page-rig.ts';

const fixtures = Object.entries(views).filter(
  (entry): entry is [string, StatusView] => typeof entry[1] === 'object',
);

describe.skipIf(chromiumMissing())('the status page', () => {
  const open = usePage<StatusView>('status');

  it.each(fixtures)(
    'shows %s on a 360 px phone within the width, the policy and the origin',
    async (_, view) => {
      const { page, complaints } = await open(view, { width: 360 });
      expect(await overflowPx(page)).toBeLessThanOrEqual(0);
      expect(await page.getByRole('heading', { level: 1 }).textContent()).toBe(view.headline.text);
      expect(complaints).toEqual([]);
    },
  );

  it.each(['light', 'dark'] as const)('keeps every text readable in %s colours', async (colorScheme) => {
    for (const view of [views.driftingCanary, views.silence, views.healthy, views.held, views.hotMachine]) {
      const { page } = await open(view, { colorScheme });
      await page.locator('button.row').first().click();
      const { judged, problems } = await contrastProblems(page);
      expect(judged).toBeGreaterThan(10);
      expect(problems).toEqual([]);
    }
  });

  it('tells the state by a word as well as by colour', async () => {
    const { page, server } = await open(views.healthy);
    const board = page.getByTestId('board');
    await board.getByText('Normal', { exact: true }).waitFor();
    server.show(views.silence);
    await board.getByText('Alarm', { exact: true }).waitFor();
    expect(await board.textContent()).toContain('Is the machine running?');
  });

  it('says how sure the number is, why it was corrected, and which slice does worse', async () => {
    const { page } = await open(views.driftingCanary);
    await page
      .getByText(/^Between 0\.719 and 0\.834 with 95% certainty, from 12,904 labels, worth 4,310 equal ones/)
      .waitFor();
    await page.getByText(/^Counted as the labels came it looks 0\.309 worse/).waitFor();
    await page.getByText('The model on trial: 0.812 (0.604 to 0.924), from 641 labels.').waitFor();
    await page.getByText('Does worse: shift night').waitFor();
  });

  it('sends what really happened with two taps', async () => {
    const { page, server } = await open(views.healthy);
    await page.getByRole('button', { name: 'L47294' }).click();
    await page.getByRole('button', { name: 'failure', exact: true }).click();
    await page.getByText('Saved: part L47294 was failure.').waitFor();
    expect(server.posted).toEqual([
      { path: '/api/feedback', body: { predictionId: '9f3ac01e-48206', label: 'failure' } },
    ]);
    expect(await page.getByRole('button', { name: 'L47294' }).textContent()).toContain('you say failure');
  });

  it('takes an answer back, and says so', async () => {
    const { page, server } = await open(views.healthy);
    await page.getByRole('button', { name: 'L47294' }).click();
    await page.getByRole('button', { name: 'failure', exact: true }).click();
    await page.getByText('Saved: part L47294 was failure.').waitFor();
    await page.getByRole('button', { name: 'L47294' }).click();
    await page.getByRole('button', { name: 'Take the answer back' }).click();
    await page.getByText('Taken back:').waitFor();
    expect(server.posted.at(-1)).toEqual({
      path: '/api/feedback',
      body: { predictionId: '9f3ac01e-48206', label: null },
    });
    expect(await page.getByRole('button', { name: 'L47294' }).textContent()).not.toContain('you say');
  });

  it('says what counts as the truth, in order, and warns of what is never seen', async () => {
    const { page } = await open(views.selective);
    const truth = page.getByTestId('truth');
    expect(await truth.textContent()).toContain('What parts called failure really were is never seen');
    await truth.getByText('What counts as the truth').click();
    expect(await truth.getByRole('listitem').allTextContents()).toEqual([
      expect.stringContaining('operator'),
      expect.stringContaining('if the machine fails'),
      expect.stringContaining('within 10 seconds'),
    ]);
  });

  it('tells how long a prediction was open, only where a rule asks for it', async () => {
    for (const [view, looks] of [
      [views.healthy, 0],
      [views.selective, 1],
    ] as const) {
      const { page, server } = await open(view, { ownClock: true });
      await page.getByRole('button', { name: 'L47294' }).click();
      await page.clock.runFor(12_000);
      await page.getByRole('button', { name: 'L47294' }).click();
      await page.clock.runFor(100);
      await page.getByRole('button', { name: 'L47294' }).click();
      await page.keyboard.press('Escape');
      if (looks > 0) await waitFor('the look', () => server.posted.length > 0);
      expect(server.posted).toHaveLength(looks);
      if (looks > 0) {
        expect(server.posted[0]).toMatchObject({
          path: '/api/looked-at',
          body: { predictionId: '9f3ac01e-48206', durationMs: expect.any(Number) },
        });
      }
    }
  });

  it('holds the models of a slot from the keyboard alone, with a reason and the PIN, and releases them', async () => {
    const { page, server } = await open(views.healthy);
    await page.getByText('Hold new models').focus();
    await page.keyboard.press('Enter');
    await page.keyboard.press('Tab');
    await page.keyboard.type('batch 4711 runs');
    await page.keyboard.press('Tab');
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('Tab');
    await page.keyboard.type('4711');
    await page.keyboard.press('Enter');
    await waitFor('the hold is sent', () => server.posted.length === 1);
    const hour = NOW_MS + 3_600_000;
    expect(server.posted[0]).toMatchObject({
      path: '/api/hold',
      body: { slot: 'machine-failure', hold: true, reason: 'batch 4711 runs' },
    });
    const sent = server.posted[0]?.body as { untilMs: number } | undefined;
    expect(Math.abs((sent?.untilMs ?? 0) - hour)).toBeLessThan(120_000);
    server.show(views.held);
    await page.getByText('batch 4711 for the customer audit runs').first().waitFor();
    await page.getByLabel('PIN').first().fill('4711');
    await page.getByRole('button', { name: 'Release' }).click();
    await waitFor('the release is sent', () => server.posted.length === 2);
    expect(server.posted[1]?.body).toEqual({ slot: 'machine-failure', hold: false });
  });

  it('says why when an answer is refused, and keeps it open', async () => {
    const { page, server } = await open(views.healthy);
    server.answer = {
      status: 404,
      body: { code: 'PREDICTION_UNKNOWN', message: 'no such prediction', hint: 'It was thinned out.' },
    };
    await page.locator('button.row').first().click();
    await page.getByRole('button', { name: 'Right: failure' }).click();
    await page.getByText('Not saved. No such prediction. It was thinned out.').waitFor();
    expect(await page.getByRole('button', { name: 'Right: failure' }).isVisible()).toBe(true);
  });

  it('takes an answer from the keyboard alone and gives the focus back', async () => {
    const { page, server } = await open(views.healthy);
    const focused = () => page.evaluate<string>('document.activeElement.innerText');
    await page.keyboard.press('Tab');
    expect(await focused()).toBe('Go to recent predictions');
    await page.keyboard.press('Enter');
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('ArrowDown');
    expect(await focused()).toContain('L47294');
    await page.keyboard.press('Enter');
    await page.getByRole('group', { name: 'What was part L47294 really?' }).waitFor();
    await page.keyboard.press('Escape');
    expect(await page.getByRole('group', { name: 'What was part' }).count()).toBe(0);
    await page.keyboard.press('Enter');
    await page.keyboard.press('2');
    await page.getByText('Saved: part L47294 was failure.').waitFor();
    expect(server.posted).toHaveLength(1);
    expect(await focused()).toContain('L47294');
  });

  it('holds the list still under the pointer and goes on when it leaves', async () => {
    const { page, server } = await open(views.healthy);
    const latest = page.locator('ul.rows').last().locator('button.row').first();
    const before = await latest.textContent();
    await latest.hover();
    const later = laterBy(views.healthy, 10_000);
    server.show(later);
    await page.getByText('12:03:32').first().waitFor();
    expect(await latest.textContent()).toBe(before);
    await page.mouse.move(5, 5);
    await page.getByText('NEW-0').waitFor();
  });

  it('lets the list go on when nobody has touched it for a while', async () => {
    const { page, server } = await open(views.healthy, { ownClock: true });
    const row = page.getByRole('button', { name: 'L47294' });
    await row.click();
    await row.click();
    server.show(laterBy(views.healthy, 5000));
    await page.getByText('12:03:27').first().waitFor();
    expect(await page.getByText('NEW-0').count()).toBe(0);
    await page.clock.fastForward(21_000);
    await page.getByText('NEW-0').waitFor();
  });

  it('sends one answer when the finger taps twice', async () => {
    const { page, server } = await open(views.healthy);
    await page.getByRole('button', { name: 'L47294' }).click();
    await page.getByRole('button', { name: 'Right: ok' }).dblclick();
    await page.getByText('Saved: part L47294 was ok.').waitFor();
    expect(server.posted).toHaveLength(1);
  });

  it('says in words that it lost the agent, and comes back by itself', async () => {
    const { page, server } = await open(views.healthy);
    server.setDown(true);
    await page.getByText('This page lost the agent; showing 12:03:22.').waitFor();
    server.setDown(false);
    await page.getByRole('heading', { level: 1, name: 'Running.' }).waitFor();
  });

  it('goes by the verdict and not by the number when it says whether an input drifts', async () => {
    const { page } = await open(views.driftingCanary);
    const drift = views.driftingCanary.slots[0]?.drift ?? [];
    const drifting = drift.filter((feature) => feature.drifting).length;
    expect(drifting).toBeGreaterThan(0);
    expect(await page.getByText(/^PSI/).count()).toBe(drifting);
    expect(await page.getByText('as in training', { exact: true }).count()).toBeGreaterThan(0);
  });

  it('draws no rate for the time before the agent started', async () => {
    const startedAtMs = views.healthy.device.nowMs - 20_000;
    const { page } = await open({ ...views.healthy, device: { ...views.healthy.device, startedAtMs } });
    const line = await page.locator('.spark-line').first().getAttribute('d');
    expect(line?.split('L')).toHaveLength(20);
  });

  it('shows what the line said of a raised part that has long passed', async () => {
    const [slot] = views.healthy.slots;
    const [raised] = slot?.recent.filter(({ label }) => label === 'failure') ?? [];
    if (!slot || !raised) throw new Error('the fixture raises nothing');
    const truth = { label: 'failure', kind: 'implicit' as const, evidence: 'machine-failed' };
    const passed = {
      ...raised,
      id: '9f3ac01e-1',
      correlationId: 'LONG-AGO',
      timeMs: raised.timeMs - 60_000,
      truth,
    };
    const recent = [...slot.recent, passed];
    const { page } = await open({ ...views.healthy, slots: [{ ...slot, recent }] });
    expect(await page.getByRole('button', { name: 'LONG-AGO' }).textContent()).toContain('right, as raised');
  });

  it('counts what waits while offline in a sentence', async () => {
    const { page } = await open(views.offline);
    await page.getByText('Offline since 12:01. 4,210 records wait safely on this device.').waitFor();
  });

  it('shows what a source calls itself as text, never as markup', async () => {
    const hostile = '<img src=x onerror=alert(1)>';
    const [slot] = views.healthy.slots;
    if (!slot) throw new Error('the fixture has no slot');
    const { page, complaints } = await open({ ...views.healthy, slots: [{ ...slot, source: hostile }] });
    await page.getByText(`from ${hostile}`).waitFor();
    expect(complaints).toEqual([]);
  });
});

/** The same device some time on, with new predictions only. */
function laterBy(view: StatusView, ms: number): StatusView {
  return {
    ...view,
    device: { ...view.device, nowMs: view.device.nowMs + ms },
    slots: view.slots.map((slot) => ({
      ...slot,
      recent: slot.recent.slice(0, 3).map((prediction, i) => ({
        ...prediction,
        id: `9f3ac01e-${99_000 - i}`,
        timeMs: prediction.timeMs + ms,
        correlationId: `NEW-${i}`,
      })),
    })),
  };
}
