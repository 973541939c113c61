/** The agent as a process: its configuration, the signals that end it, and its last words when it cannot start. */
import type { ChildProcess } from 'node:child_process';
import type { Logger } from 'pino';
import { CodedError, codeOf } from '../protocol/errors.ts';
import { loadDeviceConfig } from './config/load.ts';
import { createLogger } from './log.ts';
import { startAgent } from './main.ts';

/** A service manager kills what takes longer than 5 s. */
const STOP_WITHIN_MS = 4500;

/**
 * Starts from a configuration file and stops at SIGTERM or SIGINT.
 * @param engine a process of the engine that was spawned already
 */
export async function runAgent(configFile: string, engine: ChildProcess): Promise<void> {
  let log = createLogger('info', 'agent');
  try {
    const config = loadDeviceConfig(configFile);
    log = createLogger(config.log.level, config.device.id);
    // Heard from the first moment: a signal that comes while the agent starts ends it as cleanly as a later one.
    const told = new Promise<void>((resolve) => process.on('SIGTERM', resolve).on('SIGINT', resolve));
    void told.then(() => stopInTime(log));
    const agent = await startAgent(config, log, engine);
    void told.then(async () => {
      await agent.stop();
      log.info({ event: 'stopped' });
    });
  } catch (error) {
    engine.kill('SIGKILL');
    const known = error instanceof CodedError ? error : undefined;
    const words = known?.message ?? String(error);
    // One line for the log; the same in plain words for whoever stands at the terminal. A stack only for the unexpected.
    log.fatal(
      { event: 'not-started', code: codeOf(error), hint: known?.hint, err: known ? undefined : error },
      words,
    );
    process.stderr.write(`\n${words}\n${known?.hint ?? ''}\n`);
    process.exitCode = 1;
  }
}

/** Whatever hangs, the device stops in time; what was not committed was never reported as recorded. */
function stopInTime(log: Logger): void {
  setTimeout(() => {
    log.fatal({ event: 'stop-overdue', afterMs: STOP_WITHIN_MS }, 'a part did not stop in time');
    process.exit(1);
  }, STOP_WITHIN_MS).unref();
}
