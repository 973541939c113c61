/** The server as a process: its configuration, the signals that end it, and its last words. */
import type { Logger } from 'pino';
import { createLog } from '../daemon/log.ts';
import { tellNotStarted, toldToEnd } from '../daemon/process-end.ts';
import { codeOf } from '../protocol/errors.ts';
import { loadServerConfig } from './config/load.ts';
import { type RunningServer, startServer } from './main.ts';

/** Starts from a configuration file (absent: all defaults) and stops at SIGTERM or SIGINT. */
export async function runServer(configFile?: string): Promise<void> {
  let log = createLog('info', 'sync-server');
  try {
    const config = loadServerConfig(configFile);
    log = createLog(config.log.level, 'sync-server');
    const told = toldToEnd(log);
    const server = await startServer(config);
    void told.then(() => endServer(server, log));
  } catch (error) {
    tellNotStarted(log, error);
  }
}

/** What was not committed was never acknowledged, and comes again. */
async function endServer(server: RunningServer, log: Logger): Promise<void> {
  try {
    await server.stop();
    log.info({ event: 'stopped' });
  } catch (error) {
    log.fatal({ event: 'stopped', code: codeOf(error), err: error }, 'a part did not stop cleanly');
    process.exitCode = 1;
  }
}
