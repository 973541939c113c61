/** The central team's page in a real browser, against a stand-in for the server. */
import { describe, expect, it } from 'vitest';
import type { FleetView } from '../../sync-server/views/fleet.ts';
import { chromiumMissing } from './chromium.ts';
import { contrastProblems } from './contrast.ts';
import { millingMetrics } from './fixtures/fleet-metrics.ts';
import * as views from './fixtures/fleet-views.ts';
import { overflowPx } from './open-page.ts';
import { usePage } from './page-rig.ts';

describe.skipIf(chromiumMissing())('the fleet console', () => {
  const open = usePage<FleetView>('console');

  it.each(Object.entries(views))(
    'shows %s on a 360 px phone within the width, the policy and the origin',
    async (_, view) => {
      const { page, complaints } = await open(view, { width: 360 });
      expect(await overflowPx(page)).toBeLessThanOrEqual(0);
      for (const device of view.devices) expect(await page.getByText(device.id).count()).toBeGreaterThan(0);
      expect(complaints).toEqual([]);
    },
  );

  it.each(['light', 'dark'] as const)('keeps every text readable in %s colours', async (colorScheme) => {
    for (const view of [views.twelveDevices, views.rolledBackFleet, views.holdingFleet, views.emptyFleet]) {
      const { page } = await open(view, { colorScheme });
      if (view === views.twelveDevices) {
        await page.getByRole('button', { name: 'Abort' }).click();
        await page.getByRole('button', { name: 'Roll out' }).first().click();
      }
      const { judged, problems } = await contrastProblems(page);
      expect(judged).toBeGreaterThan(5);
      expect(problems).toEqual([]);
    }
  });

  it('shows which refused messages are kept, whose they were, and where to see them', async () => {
    const { page } = await open(views.rolledBackFleet);
    const kept = page.getByTestId('dead-letters');
    expect(await kept.textContent()).toContain('mill-4: batch body is not msgpack, last 12 s ago.');
    expect(await kept.textContent()).toContain('And 11 older ones.');
    expect(await kept.textContent()).toContain('andon -- dead-letters');
  });

  it('asks for a token where the server wants one, and shows the fleet once it is taken', async () => {
    const { page, server } = await open(views.advancingFleet);
    server.locked = true;
    await page.reload();
    const token = page.getByLabel('Your token');
    await token.fill('andon_guess');
    server.answer = { status: 401, body: { message: 'this token is none of this server' } };
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByText('This token is none of this server.').waitFor();
    server.answer = { status: 200, body: {} };
    server.locked = false;
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByText('mill-02').first().waitFor();
    expect(server.posted.at(-1)).toEqual({ path: '/api/session', body: { token: 'andon_guess' } });
    await page.getByRole('button', { name: 'Sign out' }).waitFor();
  });

  it('says what each device really runs, by hash', async () => {
    const { page } = await open(views.advancingFleet);
    const row = page.getByRole('row', { name: /mill-02/ });
    expect(await row.textContent()).toMatch(
      /milling-failure 1\s+ca0df2c9[\s\S]*on trial: milling-failure 2\s+29c1b289/,
    );
  });

  it('says what people call a version, what they noted and where it comes from', async () => {
    const { page } = await open(views.advancingFleet);
    const row = page.getByRole('row', { name: /^milling-failure 2/ });
    expect(await row.textContent()).toMatch(/champion, line-3 · production[\s\S]*\(anna, 5 min ago\)/);
    await row.getByText('Where it comes from').click();
    await row.getByText('After milling-failure 1').waitFor();
    await row.getByText('MLflow model milling-failure 2').waitFor();
  });

  it('proposes to train anew where a slot drifts, with the commands to copy', async () => {
    const { page } = await open(views.driftingFleet);
    const notice = page.locator('.notice', { hasText: 'Train machine-failure anew?' });
    expect(await notice.textContent()).toMatch(
      /torque_nm and 1 more drift on 2 devices since .*1,840 samples/s,
    );
    expect(await notice.getByRole('button', { name: 'Copy' }).count()).toBe(2);
    const kept = page.locator('.notice', { hasText: 'Train surface-inspection anew?' });
    expect(await kept.textContent()).toMatch(/privacy policy keeps those on the devices/);
    expect(await kept.getByRole('button', { name: 'Copy' }).count()).toBe(0);
  });

  it('hands out the commands that bring a version which MLflow’s alias moved to', async () => {
    const { page } = await open(views.mlflowMovedFleet);
    await page.getByText('is version 3, which is not published here yet.').waitFor();
    await page.getByText('npm run andon -- sign pulled/milling-failure-3').waitFor();
    await page.getByText('12 reports to be sent').waitFor();
  });

  it('says how far apart the models are, what is missing for how long, and what is held against nobody', async () => {
    const { page } = await open(views.holdingFleet);
    await page.getByRole('img', { name: /After 640 labelled samples the difference is/ }).waitFor();
    await page.getByText(/About 3,120 more labelled samples are needed; at the present pace .* by/).waitFor();
    await page.getByText('Inputs drift: torque_nm on mill-01. Both models see').waitFor();
    await page.getByText(/not worse by 2 misses in 100.*at most 5% of rollouts.*only on sat, sun/).waitFor();
  });

  it('lets a rollout into a stage that waits for a person', async () => {
    const { page, server } = await open(views.waitingFleet);
    await page.getByText('milling-failure 2 waits for a person’s approval of stage 3.').waitFor();
    await page.getByRole('button', { name: 'Approve' }).click();
    await page
      .getByRole('group', { name: /goes on to stage 3: all devices, decides every sample/ })
      .waitFor();
    await page.getByRole('button', { name: 'Approve the next stage' }).click();
    await page.getByText('Approved.', { exact: true }).waitFor();
    expect(server.posted).toEqual([{ path: '/api/rollouts/r-77aa/approve', body: {} }]);
  });

  it('aborts a rollout only after a second, different yes', async () => {
    const { page, server } = await open(views.advancingFleet);
    await page.getByRole('button', { name: 'Abort' }).click();
    expect(server.posted).toEqual([]);
    await page.getByRole('group', { name: 'Abort? Every device goes back to milling-failure 1.' }).waitFor();
    expect(await page.evaluate<string>('document.activeElement.innerText')).toBe('Keep it');
    await page.keyboard.press('Escape');
    expect(server.posted).toEqual([]);
    await page.getByRole('button', { name: 'Abort' }).click();
    await page.getByRole('button', { name: 'Abort the rollout' }).click();
    await page.getByText('Aborted.', { exact: true }).waitFor();
    expect(server.posted).toEqual([{ path: '/api/rollouts/r-7f3a/abort', body: {} }]);
  });

  it('offers to resume what is paused, and says why when that is refused', async () => {
    const [rollout] = views.advancingFleet.rollouts;
    if (!rollout) throw new Error('the fixture has no rollout');
    const { page, server } = await open({
      ...views.advancingFleet,
      rollouts: [{ ...rollout, state: 'paused' }],
    });
    server.answer = {
      status: 409,
      body: { code: 'ROLLOUT_CONFLICT', message: 'another rollout uses this slot', hint: 'Abort it first.' },
    };
    await page.getByRole('button', { name: 'Resume' }).click();
    await page.getByRole('button', { name: 'Resume the rollout' }).click();
    await page.getByText('Not done. Another rollout uses this slot. Abort it first.').waitFor();
  });

  it('starts a rollout from a model’s row, for the devices chosen', async () => {
    const { page, server } = await open(views.rolledBackFleet);
    await page.getByRole('button', { name: 'Roll out' }).first().click();
    await page.getByRole('combobox', { name: 'Devices' }).selectOption('site linz');
    await page.getByText('Reaches 1 device in stages').waitFor();
    await page.getByRole('button', { name: 'Start the rollout' }).click();
    await page.getByText('Rollout of milling-failure 2 started for machine-failure.').waitFor();
    expect(server.posted).toEqual([
      {
        path: '/api/rollouts',
        body: { slot: 'machine-failure', model: 'milling-failure@2', labels: { site: 'linz' } },
      },
    ]);
  });

  it('starts a rollout that asks a person before the last stage', async () => {
    const { page, server } = await open(views.rolledBackFleet);
    await page.getByRole('button', { name: 'Roll out' }).first().click();
    await page.getByRole('checkbox', { name: 'Ask a person before the last stage' }).check();
    await page.getByRole('button', { name: 'Start the rollout' }).click();
    await page.getByText('Rollout of milling-failure 2 started for machine-failure.').waitFor();
    const [posted] = server.posted;
    expect(posted?.body).toMatchObject({ stages: [{}, {}, { devices: 1, traffic: 1, approval: true }] });
  });

  it('tells a new team what to do first', async () => {
    const { emptyFleet } = views;
    const { page } = await open({ ...emptyFleet, trust: { ...emptyFleet.trust, metadata: null } });
    await page.getByText('Ready for the first device.').waitFor();
    const commands = page.locator('#models code');
    expect(await commands.allTextContents()).toEqual([
      'npm run andon -- keys init keys',
      'npm run andon -- sign models/milling-failure/2 --keys keys',
      'npm run andon -- publish models/milling-failure/2 --keys keys',
    ]);
  });

  it('offers no rollout of a model that runs, was replaced or was stopped', async () => {
    const { page } = await open(views.rolledBackFleet);
    await page.getByText('No rollout is under way. Start one from a model below.').waitFor();
    expect(await page.getByText('rollout start').count()).toBe(0);
  });

  it('shows twelve events, and all of them when asked', async () => {
    const [event] = views.advancingFleet.events;
    if (!event) throw new Error('the fixture has no event');
    const events = Array.from({ length: 20 }, (_, i) => ({ ...event, message: `happened ${i}` }));
    const { page } = await open({ ...views.advancingFleet, events });
    expect(await page.getByText(/^happened/).count()).toBe(12);
    await page.getByRole('button', { name: 'Show all 20' }).click();
    expect(await page.getByText(/^happened/).count()).toBe(20);
  });

  it('shows why a rollout was rolled back without a tap', async () => {
    const { page } = await open(views.rolledBackFleet);
    expect(await page.getByRole('heading', { level: 1 }).textContent()).toBe(
      'milling-failure 3 was rolled back.',
    );
    await page.getByText('Harm is likely: on 214 labelled pairs').first().waitFor();
  });

  it('makes a link only of a web address that a device names', async () => {
    const devices = views.advancingFleet.devices.map((device, i) =>
      i === 0 ? { ...device, statusUrl: 'javascript:alert(1)' } : device,
    );
    const { page } = await open({ ...views.advancingFleet, devices });
    expect(await page.getByRole('link', { name: 'mill-02' }).count()).toBe(1);
    expect(await page.getByRole('link', { name: 'mill-01' }).count()).toBe(0);
  });

  it('sets versions beside each other with their intervals, and says what follows and in which slice it is worse', async () => {
    const { page } = await open(views.advancingFleet);
    const quality = page.getByRole('region', { name: 'How well the models do' });
    await quality.getByText('Better than rule of thumb').waitFor();
    const words = await quality.textContent();
    expect(words).toMatch(/milling-failure 2\s*0\.812\s+0\.604 to 0\.924, 641 labels/);
    expect(words).toContain('Does worse: shift night');
    expect(words).toContain('let two of them answer on the same parts');
    expect(await quality.getByRole('img').getAttribute('aria-label')).toMatch(
      /^milling-failure 2: 14 points, the last 0\.\d{3}, between/,
    );
  });

  it('lets a person choose the slot from the keyboard', async () => {
    const devices = views.advancingFleet.devices.map((device) => ({
      ...device,
      reported: device.reported && {
        ...device.reported,
        slots: {
          ...device.reported.slots,
          'surface-inspection': { champion: null, challenger: null, install: null },
        },
      },
    }));
    const { page, server } = await open({ ...views.advancingFleet, devices });
    server.others.set('/api/metrics/surface-inspection', { ...millingMetrics, versions: [] });
    await page.getByRole('button', { name: 'surface-inspection' }).focus();
    await page.keyboard.press('Enter');
    await page.getByText('No labelled prediction of surface-inspection has arrived yet.').waitFor();
    expect(await page.getByRole('button', { name: 'surface-inspection' }).getAttribute('aria-pressed')).toBe(
      'true',
    );
  });

  it('says in words that it lost the server, and comes back by itself', async () => {
    const { page, server } = await open(views.advancingFleet);
    server.setDown(true);
    await page.getByText('This page lost the server; showing 12:03:22.').waitFor();
    server.setDown(false);
    await page.getByRole('heading', { level: 1, name: '3 devices, all online.' }).waitFor();
  });
});
