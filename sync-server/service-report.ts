/** Tells the service manager that the server serves, and from the event loop that it still does. */
import type { Logger } from 'pino';
import type { Counters } from '../daemon/counters.ts';
import { ServiceManager } from '../daemon/service-manager.ts';

/** @param status what it does, in a line @returns says that it stops */
export function tellServiceManager(status: string, counters: Counters, log: Logger): () => void {
  const manager = new ServiceManager({
    env: process.env,
    onError: (error) => {
      counters.add('SERVICE_MANAGER_UNTOLD');
      log.warn({ event: 'service-manager-untold', err: error }, error.message);
    },
  });
  manager.ready();
  manager.status(status);
  const { watchdogMs } = manager;
  const timer = watchdogMs && setInterval(() => manager.alive(), watchdogMs / 4);
  return () => {
    clearInterval(timer);
    manager.stopping();
    manager.end();
  };
}
