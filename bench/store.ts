/**
 * What the memory of a device costs: bytes on disk and to flash, time to open, and the agent at 10 samples a second,
 * each against the plain thing. `--soak-minutes 60` looks at memory for so long (default: half a minute,
 * which is too short to say whether it grows).
 */

import type { NewPrediction } from '../agent/store/records.ts';
import { steelSurface } from './bench-model.ts';
import type { BenchOptions, BenchResult } from './result.ts';
import { writtenByStore, writtenNaively } from './store-bytes.ts';
import { measureOpening } from './store-opening.ts';
import { measureSteady, type Steady } from './store-steady.ts';

const MIB = 1024 * 1024;
const OPENED_ROWS = 5_000_000;
const MANY = 200_000;
/** One prediction a commit: as a line of some ten parts a second has it. */
const ALONE = 3000;
/** At full speed, about what comes in 10 ms. */
const TOGETHER = 2048;

/** Before that, memory is still on its way to where it stays. */
const GROWTH_FROM_MINUTES = 10;

export async function run(say: (line: string) => void, { soakMinutes }: BenchOptions): Promise<BenchResult> {
  const { rows, manifestSha256 } = steelSurface();
  const startMs = Date.now();
  const outputs = (i: number): NewPrediction => ({
    timeMs: startMs + i * 100,
    slot: 'bench',
    model: manifestSha256,
    role: 'champion',
    correlationId: null,
    label: i % 7,
    score: ((i * 7919) % 10_000) / 10_000,
    latencyUs: 300 + ((i * 31) % 400),
    health: 0,
    features: null,
    shadow: null,
  });
  const named = (i: number) => ({ ...outputs(i), correlationId: `plate-${i + 1}` });
  const whole = (i: number) => ({ ...named(i), features: rows[i % rows.length] ?? null });

  say('bytes a prediction …');
  const many = { predictions: MANY, together: TOGETHER };
  const bulk = {
    outputs: await writtenByStore({ ...many, make: outputs }),
    named: await writtenByStore({ ...many, make: named }),
    whole: await writtenByStore({ ...many, make: whole }),
  };
  const alone = await writtenByStore({ predictions: ALONE, together: 1, make: named });
  const naive = await writtenNaively({ predictions: ALONE, make: named });
  const naiveWhole = await writtenNaively({ predictions: ALONE, make: whole });

  say(`a store of ${OPENED_ROWS.toLocaleString('en')} rows …`);
  const opening = await measureOpening(OPENED_ROWS, named);

  say(`the agent at 10 samples a second, for ${soakMinutes} min …`);
  const { agent, naive: script } = await measureSteady(soakMinutes);
  return {
    name: 'store',
    ratios: {
      diskNaiveVsOurs: naive.diskBytes / bulk.named.diskBytes,
      diskWithFeaturesNaiveVsOurs: naiveWhole.diskBytes / bulk.whole.diskBytes,
      flashNaiveVsOurs: naive.flashBytes / bulk.named.flashBytes,
      flashOneACommitNaiveVsOurs: naive.flashBytes / alone.flashBytes,
      openVsBare: opening.storeMs / opening.bareMs,
      coreShareVsScript: agent.coreShare / script.coreShare,
    },
    figures: {
      diskBytesOutputs: bulk.outputs.diskBytes,
      diskBytesWithPart: bulk.named.diskBytes,
      diskBytesWithPartAndFeatures: bulk.whole.diskBytes,
      flashBytesOutputs: bulk.outputs.flashBytes,
      flashBytesWithPart: bulk.named.flashBytes,
      flashBytesWithPartAndFeatures: bulk.whole.flashBytes,
      flashBytesOneACommit: alone.flashBytes,
      naiveDiskBytes: naive.diskBytes,
      naiveFlashBytes: naive.flashBytes,
      openMs: opening.storeMs,
      openAfterKillMs: opening.killedStoreMs,
      bareOpenMs: opening.bareMs,
      quickCheckMs: opening.quickCheckMs,
      openedFileMiB: opening.fileBytes / MIB,
      coreSharePercent: 100 * agent.coreShare,
      scriptCoreSharePercent: 100 * script.coreShare,
      ...memoryFigures(agent, script, soakMinutes),
      flashKiBPerS: agent.flashBytesPerS / 1024,
      scriptFlashKiBPerS: script.flashBytesPerS / 1024,
      soakMinutes,
    },
    baseline:
      'a table of JSON rows, one durable transaction a row; SQLite opening the same file; a script that runs the same model and writes such rows',
  };
}

/** Where the memory is, a process each; how fast it grows, only where the time was long enough to say. */
function memoryFigures(agent: Steady, script: Steady, soakMinutes: number): Record<string, number> {
  const [main, engine] = agent.processes;
  const [alone] = script.processes;
  const figures: Record<string, number> = {
    rssMiB: agent.rssBytes / MIB,
    scriptRssMiB: script.rssBytes / MIB,
  };
  for (const [name, process] of Object.entries({ main, engine, script: alone })) {
    if (!process) throw new Error(`the ${name} was gone at the end`);
    figures[`${name}HeapMiB`] = process.heapBytes / MIB;
    figures[`${name}NativeMiB`] = process.nativeBytes / MIB;
    figures[`${name}FilesMiB`] = process.fileBytes / MIB;
  }
  if (soakMinutes < GROWTH_FROM_MINUTES) return figures;
  const growths = {
    agent: agent.growth,
    agentLast: agent.lastGrowth,
    mainHeap: main?.heapGrowth,
    mainNative: main?.nativeGrowth,
    engineHeap: engine?.heapGrowth,
    engineNative: engine?.nativeGrowth,
    script: script.growth,
    scriptLast: script.lastGrowth,
  };
  for (const [name, growth] of Object.entries(growths)) {
    if (!growth) continue;
    figures[`${name}GrowthKiBPerMin`] = growth.bytesPerMin / 1024;
    figures[`${name}GrowthSpreadKiBPerMin`] = growth.spreadBytesPerMin / 1024;
  }
  return figures;
}
