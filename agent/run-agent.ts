/** The agent as a process: its configuration, the signals that end it, and its last words when it cannot start. */
import type { ChildProcess } from 'node:child_process';
import { createLog } from '../daemon/log.ts';
import { tellNotStarted, toldToEnd } from '../daemon/process-end.ts';
import { codeOf } from '../protocol/errors.ts';
import { loadDeviceConfig } from './config/load.ts';
import { type RunningAgent, startAgent } from './main.ts';
import type { ReopenReason } from './store/store.ts';

/** A disk that damages the database again and again needs a person, not an agent that is always starting. */
const MEND_EVERY_MS = 10 * 60_000;

/**
 * Starts from a configuration file and stops at SIGTERM or SIGINT. When the database must be opened again, stops and
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
      const code = end === 'damaged' ? 'STORE_CORRUPT' : 'STORE_OVERTAKEN';
      log.warn({ event: 'starting-again', code }, `the database is ${end}: starting again`);
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
): Promise<'told' | ReopenReason> {
  let agent: RunningAgent;
  try {
    agent = await starting;
  } catch (error) {
    if (mayMend && codeOf(error) === 'STORE_CORRUPT') return 'damaged';
    throw error;
  }
  const end = await (mayMend ? Promise.race([told, agent.reopen]) : told);
  await agent.stop();
  return end;
}
