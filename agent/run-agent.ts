/** The agent as a process: its configuration, the signals that end it, and its last words when it cannot start. */
import type { ChildProcess } from 'node:child_process';
import { createLog } from '../daemon/log.ts';
import { tellNotStarted, toldToEnd } from '../daemon/process-end.ts';
import { codeOf } from '../protocol/errors.ts';
import { loadDeviceConfig } from './config/load.ts';
import { type RunningAgent, startAgent } from './main.ts';

/** A disk that damages the database again and again needs a person, not an agent that is always starting. */
const MEND_EVERY_MS = 10 * 60_000;

/**
 * Starts from a configuration file and stops at SIGTERM or SIGINT. When the database turns out to be damaged, stops and
 * starts once more in the same process, which mends it.
 * @param engine a process of the engine that was spawned already
 * @param spawnEngine makes another one
 */
export async function runAgent(
  configFile: string,
  engine: ChildProcess,
  spawnEngine: () => ChildProcess,
): Promise<void> {
  let log = createLog('info', 'agent');
  let spawned = engine;
  try {
    const config = loadDeviceConfig(configFile);
    log = createLog(config.log.level, config.device.id);
    const told = toldToEnd(log);
    for (let mendedAtMs = Number.NEGATIVE_INFINITY; ; mendedAtMs = performance.now()) {
      const mayMend = performance.now() - mendedAtMs > MEND_EVERY_MS;
      const end = await runOnce(startAgent(config, log, spawned), { told, mayMend });
      if (end === 'told') break;
      log.warn({ event: 'starting-again', code: 'STORE_CORRUPT' }, 'the database is damaged: starting again');
      spawned = spawnEngine();
    }
    log.info({ event: 'stopped' });
  } catch (error) {
    spawned.kill('SIGKILL');
    tellNotStarted(log, error);
  }
}

/** @returns why it was stopped @throws errors of the start, but those of a database that another start mends */
async function runOnce(
  starting: Promise<RunningAgent>,
  { told, mayMend }: { told: Promise<'told'>; mayMend: boolean },
): Promise<'told' | 'damaged'> {
  let agent: RunningAgent;
  try {
    agent = await starting;
  } catch (error) {
    if (mayMend && codeOf(error) === 'STORE_CORRUPT') return 'damaged';
    throw error;
  }
  const damaged = agent.damaged.then(() => 'damaged' as const);
  const end = await (mayMend ? Promise.race([told, damaged]) : told);
  await agent.stop();
  return end;
}
