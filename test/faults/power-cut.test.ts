/** Promise 2: what was reported as recorded is there after a power cut, whatever became of what was not synced yet. */
import { mkdirSync, realpathSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { tabulate } from './support/fault-table.ts';
import { seededRandom, testTimeoutMs, times } from './support/form.ts';
import { describeWithCompiler, readDiskLog, startRecorded } from './support/power/disk-log.ts';
import { NOTHING_SAID, SAID_FILE, withSaid } from './support/power/said.ts';
import { FATES, SectorDisk } from './support/power/sector-disk.ts';
import { DATABASE, lookAfterCut, materialise } from './support/power/store-after-cut.ts';
import { newFolder } from './support/scene.ts';

const RECORDER = fileURLToPath(new URL('./support/power/record-in-turns.ts', import.meta.url));
const DISKS = times(60, 1500);
/** In each of three sessions. */
const COMMITS = times(150, 400);

describeWithCompiler('the store of a device after a power cut', () => {
  it.each([
    { about: 'with room for all', maxBytes: 16 * 2 ** 20, drops: false },
    { about: 'at its byte cap, where it drops and folds its log often', maxBytes: 2 ** 20, drops: true },
  ])(
    'has every prediction that was reported as recorded, $about',
    async ({ about, maxBytes, drops }) => {
      const folder = newFolder();
      const disk = join(realpathSync(folder), 'disk');
      mkdirSync(disk);
      const logFile = join(folder, 'log');
      const child = startRecorded(RECORDER, [String(maxBytes), String(COMMITS)], { disk, logFile, folder });
      expect(await new Promise((resolve) => child.once('exit', resolve))).toBe(0);
      const steps = readDiskLog(logFile);

      const random = seededRandom(300);
      const moments = new Map<number, number>();
      for (let i = 0; i < DISKS; i++) {
        const moment = Math.floor(random.uniform() * steps.length);
        moments.set(moment, (moments.get(moment) ?? 0) + 1);
      }
      const model = new SectorDisk();
      let claim = NOTHING_SAID;
      let mostUnsafe = 0;
      let unsure = 0;
      const total = { present: 0, lost: 0, claimed: 0 };
      for (const [i, step] of steps.entries()) {
        if (step.path !== SAID_FILE) model.take(step);
        else if (step.op === 'write') claim = withSaid(claim, step.bytes);
        for (let n = 0; n < (moments.get(i) ?? 0); n++) {
          const fate = FATES[Math.floor(random.uniform() * FATES.length)] ?? 'lost';
          mostUnsafe = Math.max(mostUnsafe, model.unsafe);
          if (model.unsafe > 0) unsure += 1;
          const images = model.afterCut(fate, random);
          // A database that the cut took whole is made anew: elsewhere, for this one must stay the same file.
          const place = images.has(DATABASE) ? disk : newFolder();
          materialise(images, place);
          const after = await lookAfterCut(place, maxBytes, claim);
          expect(
            { lost: after.lost, problems: after.problems },
            `step ${i} of ${steps.length}, ${fate}`,
          ).toEqual({
            lost: 0,
            problems: [],
          });
          total.present += after.present;
          total.lost += after.lost;
          total.claimed += claim.predictions;
        }
      }
      expect(unsure).toBeGreaterThan(DISKS / 4);
      expect(total.claimed > total.present).toBe(drops);
      await tabulate({
        fault: `10 power cut, the store ${about}`,
        times: DISKS,
        made: total.claimed,
        recorded: total.present,
        atServer: null,
        lost: total.lost,
        doubled: 0,
        seen: `made: reported as recorded before the cut, over all disks; ${unsure.toLocaleString('en')} of the disks had up to ${mostUnsafe} writes that were not synced: lost, kept, or torn at sectors of 512 and 4,096 bytes; integrity ok on each`,
      });
    },
    testTimeoutMs,
  );
});
