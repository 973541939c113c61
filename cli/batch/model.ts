/** The model of a batch run: found by folder or by name, whole, and signed as on a device. */
import { existsSync, readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { EngineModel } from '../../agent/inference/engine.ts';
import { verifyPackage } from '../../protocol/package-verify.ts';
import { TrustedSet } from '../../protocol/trusted-set.ts';
import { cliError } from '../errors.ts';
import { readPackageFolder } from '../package-folder.ts';
import { projectRoot } from '../project.ts';
import { readMetadataFolder } from '../read-metadata.ts';

/**
 * @param name a package folder, or `name@version` of one in `models/`
 * @param metadata folder with root.json and targets.json; null: the model need not be signed
 * @throws CodedError FOLDER_UNREADABLE, PACKAGE_*, TRUST_*, TARGET_UNKNOWN
 */
export function openModel(name: string, metadata: string | null): EngineModel {
  const folder = resolve(folderOf(name));
  const { manifest, manifestSha256 } = verifyPackage(readPackageFolder(folder));
  if (metadata !== null) {
    const { root, targets } = readMetadataFolder(metadata);
    TrustedSet.pinned(root, targets).approve({ ...manifest, manifestSha256 });
  }
  const { kind } = manifest.input;
  if (kind === 'image' || kind === 'tensors') {
    throw cliError(
      'ARGUMENT_INVALID',
      `${name} takes ${kind === 'image' ? 'pictures' : 'tensors'}, not rows of values.`,
      {
        hint: 'Ask a running agent for them over HTTP (docs/open-inference-protocol.md).',
      },
    );
  }
  return { manifest, manifestSha256, folder };
}

function folderOf(name: string): string {
  if (existsSync(name)) return name;
  const [, model, version] = /^([a-z0-9][a-z0-9-]*)@(\d+)$/.exec(name) ?? [];
  for (const models of [resolve('models'), join(projectRoot, 'models')]) {
    const folder = join(models, model ?? '');
    if (!model || !version || !existsSync(folder)) continue;
    // A version may carry a word for people: 3-worse-on-purpose.
    const found = readdirSync(folder).find((each) => each === version || each.startsWith(`${version}-`));
    if (found) return join(folder, found);
  }
  throw cliError('FOLDER_UNREADABLE', `There is no model package ${name}.`, {
    hint: 'Name a package folder, or name@version of one in models/, for example steel-surface@1.',
  });
}
