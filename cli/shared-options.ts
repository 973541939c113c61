/** Options that stand on the program itself and count for every command. */
import type { Command } from 'commander';
import { AdminApi } from './admin-api.ts';

export interface SharedOptions {
  readonly api: AdminApi;
  readonly json: boolean;
}

/** `--server` and `--json`, wherever on the line they stand. */
export function sharedOptions(command: Command): SharedOptions {
  const { server, json } = command.optsWithGlobals<{ server: string; json?: boolean }>();
  return { api: new AdminApi(server), json: json === true };
}

/** Prints `value` as JSON when scripts ask for it, else the text. */
export function print(options: SharedOptions, value: unknown, text: () => string): void {
  console.log(options.json ? JSON.stringify(value) : plain(text()));
}

/** Labels, reasons and notes come from elsewhere: none of them may steer the terminal. */
export function plain(text: string): string {
  return text.replace(/[^\P{Cc}\n]/gu, '\u{fffd}');
}
