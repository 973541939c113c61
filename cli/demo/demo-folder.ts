/** The demo's data folder: made with a marker, and deleted only where the marker says that it is a demo's. */
import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { cliError } from '../errors.ts';

const MARKER = 'andon-demo.txt';

/**
 * @param fresh delete what an earlier demo left
 * @returns true when an earlier demo's data is kept
 * @throws CodedError DEMO_FOLDER_FOREIGN when the folder holds something else
 */
export function prepareDemoFolder(folder: string, fresh: boolean): boolean {
  const isDemo = existsSync(join(folder, MARKER));
  const isForeign = !isDemo && existsSync(folder) && readdirSync(folder).length > 0;
  if (isForeign) {
    throw cliError(
      'DEMO_FOLDER_FOREIGN',
      `${folder} holds files that are not a demo's, so it stays untouched.`,
      {
        hint: 'Name another folder with --data <folder>.',
      },
    );
  }
  if (isDemo && fresh) rmSync(folder, { recursive: true });
  for (const part of ['config', 'logs']) mkdirSync(join(folder, part), { recursive: true });
  writeFileSync(
    join(folder, MARKER),
    'Data of the Andon demo. `npm start -- --fresh` deletes this folder.\n',
  );
  return isDemo && !fresh;
}
