/**
 * A device comes back after a week: a million predictions of real samples, from its file over Mosquitto to the server's file,
 * each commit fsynced, acknowledged; against the same records as one QoS 1 message each. Device, broker and server are
 * processes of their own on one machine. Also over the embedded broker, over a thin line, and what a prediction weighs on the wire.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type BenchResult, median, quantile } from './result.ts';
import { Backlog } from './sync/backlog.ts';
import { bytesPerPrediction } from './sync/batch-bytes.ts';
import { drain, drainOneByOne } from './sync/drain.ts';
import { differentPlates } from './sync/plates.ts';

const RECORDS = 1_000_000;
const ONE_BY_ONE = 40_000;
const ROUNDS = 3;
/** 128 kbit/s: a modem in a cabinet. */
const THIN = { bytesPerS: 16_000, forMs: 30_000 } as const;

export async function run(say: (line: string) => void): Promise<BenchResult> {
  const folder = mkdtempSync(join(tmpdir(), 'andon-bench-sync-'));
  try {
    const plates = differentPlates();
    say(
      `${plates} different plates${process.env.ANDON_DATA_DIR ? '' : ' (golden samples: set ANDON_DATA_DIR for the data set)'}`,
    );
    const backlog = new Backlog(join(folder, 'device'), RECORDS);
    say(`recorded ${RECORDS} predictions at ${whole(await backlog.record())}/s`);
    const rates: number[] = [];
    const singles: number[] = [];
    const delaysMs: number[] = [];
    let bytesSent = 0;
    for (let round = 1; round <= ROUNDS; round++) {
      const drained = await drain(backlog, 'mosquitto', join(folder, `round-${round}`));
      rates.push(drained.recordsPerS);
      delaysMs.push(...drained.eventDelaysMs);
      bytesSent = drained.bytesSent;
      singles.push(await drainOneByOne(backlog, ONE_BY_ONE, join(folder, `singles-${round}`)));
      say(`round ${round}/${ROUNDS}: ${whole(rates)}/s in batches, ${whole(singles)}/s one by one`);
    }
    const embedded = await drain(backlog, 'aedes', join(folder, 'embedded'));
    say(`over the embedded broker: ${whole(embedded.recordsPerS)}/s`);
    const thin = await drain(backlog, 'mosquitto', join(folder, 'thin'), THIN);
    say(`over ${(THIN.bytesPerS * 8) / 1000} kbit/s: ${whole(thin.recordsPerS)}/s`);
    const weighed = new Backlog(join(folder, 'weighed'), plates, { live: true });
    await weighed.record();
    const bytes = await bytesPerPrediction(weighed.dataDir, plates);
    return {
      name: 'sync',
      ratios: { vsOnePerMessage: median(rates) / median(singles) },
      figures: {
        recordsPerS: median(rates),
        onePerMessagePerS: median(singles),
        embeddedRecordsPerS: embedded.recordsPerS,
        bytesPerPrediction: bytes.outputs,
        bytesPerCorrelationId: bytes.correlationId,
        bytesPerFeatures: bytes.features,
        wireBytesPerRecord: bytesSent / RECORDS,
        eventDelayP50Ms: median(delaysMs),
        eventDelayP99Ms: quantile(delaysMs, 0.99),
        events: delaysMs.length,
        thinRecordsPerS: thin.recordsPerS,
        thinEventDelayP50Ms: median(thin.eventDelaysMs),
        thinEventDelayP99Ms: quantile(thin.eventDelaysMs, 0.99),
      },
      baseline:
        'the same records, one a QoS 1 message, 500 on the way, same broker and server; medians of three rounds in turn',
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function whole(rates: number | readonly number[]): string {
  const last = typeof rates === 'number' ? rates : rates.at(-1);
  return Math.round(last ?? Number.NaN).toLocaleString('en');
}
