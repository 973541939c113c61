/** Takes a copy of a running store from its agent into a file. */
import { createWriteStream, existsSync, renameSync, rmSync } from 'node:fs';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { AgentApi } from '../agent-api.ts';
import { cliError } from '../errors.ts';

export interface FetchOptions {
  readonly pin: string | undefined;
  readonly replace: boolean;
  /** @param totalBytes null: not known */
  readonly onProgress: (bytes: number, totalBytes: number | null) => void;
}

/**
 * @param path appears when it is whole
 * @returns its size, bytes
 * @throws CodedError OUTPUT_EXISTS, SERVER_UNREACHABLE, the agent's own (STORE_FULL, STORE_BUSY, PIN_WRONG)
 */
export async function fetchBackup(api: AgentApi, path: string, options: FetchOptions): Promise<number> {
  if (!options.replace && existsSync(path)) {
    throw cliError('OUTPUT_EXISTS', `${path} is there already.`, {
      hint: 'Choose another name, or add --replace.',
    });
  }
  const { bytes, sizeBytes } = await api.backUp(options.pin);
  const part = `${path}.part`;
  let taken = 0;
  try {
    await pipeline(
      Readable.fromWeb(bytes as Parameters<typeof Readable.fromWeb>[0]),
      async function* (chunks: AsyncIterable<Uint8Array>) {
        for await (const chunk of chunks) {
          taken += chunk.length;
          options.onProgress(taken, sizeBytes);
          yield chunk;
        }
      },
      createWriteStream(part, { mode: 0o600, flush: true }),
    );
    if (sizeBytes !== null && taken !== sizeBytes) {
      throw cliError('SERVER_ANSWER_UNKNOWN', `The copy broke off after ${taken} of ${sizeBytes} bytes.`, {
        hint: 'Nothing was kept of it. Run the same command again.',
      });
    }
    renameSync(part, path);
  } catch (error) {
    rmSync(part, { force: true });
    throw error;
  }
  return taken;
}
