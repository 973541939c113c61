/** Options that stand on the program itself and count for every command. */
import { readFileSync } from 'node:fs';
import type { Command } from 'commander';
import { AdminApi } from './admin-api.ts';
import { cliError } from './errors.ts';

export interface SharedOptions {
  readonly api: AdminApi;
  readonly json: boolean;
}

/** `--server` and `--json`, wherever on the line they stand. */
export function sharedOptions(command: Command): SharedOptions {
  const { server, json } = command.optsWithGlobals<{ server: string; json?: boolean }>();
  return { api: new AdminApi(server, tokenOf(process.env)), json: json === true };
}

/** From ANDON_TOKEN, or from the file that ANDON_TOKEN_FILE names; never from the command line, which others can read. */
function tokenOf({ ANDON_TOKEN, ANDON_TOKEN_FILE }: NodeJS.ProcessEnv): string | undefined {
  if (ANDON_TOKEN) return ANDON_TOKEN;
  if (!ANDON_TOKEN_FILE) return undefined;
  try {
    return readFileSync(ANDON_TOKEN_FILE, 'utf8').trim();
  } catch (cause) {
    throw cliError('TOKEN_UNREADABLE', `ANDON_TOKEN_FILE ${ANDON_TOKEN_FILE} cannot be read.`, {
      hint: 'Name a file that holds the token which andon tokens add printed, or set ANDON_TOKEN.',
      cause,
    });
  }
}

/** Prints `value` as JSON when scripts ask for it, else the text. */
export function print(options: SharedOptions, value: unknown, text: () => string): void {
  console.log(options.json ? JSON.stringify(value) : plain(text()));
}

/** Labels, reasons and notes come from elsewhere: none of them may steer the terminal. */
export function plain(text: string): string {
  return text.replace(/[^\P{Cc}\n]/gu, '\u{fffd}');
}
