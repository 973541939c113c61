/** Promise 4: without room predictions go on, every one that is not recorded is counted, and recording resumes by itself. */
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { makePackage, writePackage } from '../support/packages.ts';
import { waitFor } from '../support/processes.ts';
import { TestTeam } from '../support/trust.ts';
import { DeviceProcess } from './support/device-process.ts';
import { tabulate } from './support/fault-table.ts';
import { testTimeoutMs, times } from './support/form.ts';
import { countPlates, positionReached, predictionsDropped } from './support/ledger.ts';
import { newFolder } from './support/scene.ts';
import { describeWithSmallDisk, SmallDisk } from './support/small-disk.ts';
import { TINY_EVERY_MS, tinySamplesCsv } from './support/tiny-samples.ts';

const DISK_MEGABYTES = 24;
/** All of it within a minute, before the device records metrics: so that what is counted is predictions alone. */
const FULL_TIMES = times(1, 8);
const NOT_RECORDED = times(300, 1000);
/** Before so many samples no drift is judged. */
const NO_DRIFT_EVENTS = { drift: { window: 1_000_000 } };
/** At full speed the cap below holds about a tenth of them. */
const CAPPED_SAMPLES = times(50_000, 200_000);
const CAP_BYTES = 1024 * 1024;

describeWithSmallDisk('a disk that others fill', () => {
  it(
    'stops the recording and not the predictions, and each one that is not recorded is counted',
    async () => {
      const folder = newFolder();
      const disk = new SmallDisk(folder, DISK_MEGABYTES);
      const team = new TestTeam();
      const model = makePackage({});
      // Inputs of which there is nothing to tell: no drift is judged, and no value stands still, as those of real plates do.
      const device = new DeviceProcess(folder, {
        everyMs: TINY_EVERY_MS,
        csv: tinySamplesCsv((row) => row % 7),
        dataDir: join(disk.folder, 'agent'),
        slot: { ...NO_DRIFT_EVENTS, model: writePackage(join(folder, 'model'), model) },
        metadata: team.sign(model).writeMetadata(join(folder, 'metadata')),
      });
      await device.start();
      await device.unsentAtLeast(100);
      for (let full = 0; full < FULL_TIMES; full++) {
        const before = await device.counted('STORE_FULL');
        disk.fill();
        await waitFor(
          async () => (await device.counted('STORE_FULL')) >= before + NOT_RECORDED,
          30_000,
          'predictions that cannot be recorded',
        );
        const saysSo = async () => (await device.status()).headline.text.includes('nothing is recorded');
        await waitFor(saysSo, 30_000, 'the page to say that nothing is recorded');
        const { headline, engine } = await device.status();
        expect(headline).toMatchObject({ severity: 'alarm', next: expect.stringContaining('Free space') });
        expect(engine).toMatchObject({ alive: true, restarts: 0 });

        disk.free();
        const recorded = await device.unsent();
        await device.unsentAtLeast(recorded + 100);
        await waitFor(async () => !(await saysSo()), 30_000, 'the page to rest again');
      }
      const { counters } = await device.status();
      const notRecorded = counters.STORE_FULL ?? 0;
      expect(Object.keys(counters)).toEqual(['STORE_FULL']);
      expect(await device.end()).toBe(0);

      const made = positionReached(device.database);
      const { records } = countPlates('device', device.database, made, device.id);
      expect(records + notRecorded).toBe(made);
      await tabulate({
        fault: '4 disk filled by others (tmpfs)',
        times: FULL_TIMES,
        made,
        recorded: records,
        atServer: null,
        lost: made - records - notRecorded,
        doubled: 0,
        seen: `STORE_FULL ${notRecorded}, an alarm in the headline`,
      });
    },
    testTimeoutMs,
  );
});

it(
  'keeps a device that nobody hears under its byte cap, and counts each record that had to go',
  async () => {
    const device = new DeviceProcess(newFolder(), {
      samples: CAPPED_SAMPLES,
      store: { maxBytes: CAP_BYTES },
    });
    await device.start();
    let largestBytes = 0;
    await waitFor(
      async () => {
        const { store, link } = await device.status();
        largestBytes = Math.max(largestBytes, store.sizeBytes);
        return link.backlog.predictions + store.dropped >= CAPPED_SAMPLES;
      },
      testTimeoutMs,
      `${CAPPED_SAMPLES} predictions`,
    );
    expect(await device.end()).toBe(0);
    const { records, doubled, outOfPlace } = countPlates(
      'device',
      device.database,
      CAPPED_SAMPLES,
      device.id,
    );
    const dropped = predictionsDropped(device.database);
    expect({ made: records + dropped, doubled, outOfPlace }).toEqual({
      made: CAPPED_SAMPLES,
      doubled: 0,
      outOfPlace: 0,
    });
    expect(largestBytes).toBeLessThanOrEqual(CAP_BYTES);
    await tabulate({
      fault: '4 buffer at its byte cap, no server',
      times: 1,
      made: CAPPED_SAMPLES,
      recorded: records,
      atServer: null,
      lost: CAPPED_SAMPLES - records - dropped,
      doubled,
      seen: `${dropped.toLocaleString('en')} counted as dropped; at most ${largestBytes.toLocaleString('en')} of ${CAP_BYTES.toLocaleString('en')} bytes`,
    });
  },
  testTimeoutMs,
);
