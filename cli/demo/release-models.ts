/** The demo's release team: makes its keys for this server, and signs the shipped milling models. */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { AdminApi } from '../admin-api.ts';
import { readSignedModel } from '../read-metadata.ts';
import { TrustFolder } from '../trust-folder.ts';
import type { Narrator } from './narrator.ts';

const VALID_DAYS = 365;
const ONE = { keys: 1, threshold: 1 } as const;

/** @param packages folder with one package folder a version */
export async function releaseModels(
  api: AdminApi,
  keys: string,
  packages: string,
  tell: Narrator,
): Promise<void> {
  const team = new TrustFolder(keys, VALID_DAYS);
  if (!existsSync(keys)) {
    const { serverPublicKey } = await api.trust();
    team.init({ serverPublicKey, root: ONE, release: ONE, validDays: VALID_DAYS });
  }
  const models = readdirSync(packages).map((version) => readSignedModel(join(packages, version)));
  team.sign(models);
  await api.publishTrust(team.files());
  tell.say(
    `The server answers. Its release team made keys in ${keys} and signed ${models.length} model versions; the devices will trust that root.`,
  );
}
