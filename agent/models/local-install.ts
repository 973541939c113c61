/** A package that a person brought: the same signatures and the same way as one from the server, without the network. */

import { type Bundle, decodeBundle } from '../../protocol/bundle.ts';
import { codeOf } from '../../protocol/errors.ts';
import { type Manifest, modelTitle } from '../../protocol/manifest.ts';
import { type DesiredSlot, modelRefOf } from '../../protocol/messages.ts';
import { chunkPackage } from '../../protocol/package-index.ts';
import { verifyPackage } from '../../protocol/package-verify.ts';
import { agentError } from '../errors.ts';
import type { NewEvent } from '../store/records.ts';
import type { DeviceTrust } from '../trust/device-trust.ts';
import type { ActiveModels } from './active-models.ts';

export interface LocalInstallDeps {
  readonly slots: readonly string[];
  readonly models: ActiveModels & {
    /** Keeps the package on the disk until `want` was called. */
    bring(manifestSha256: string, files: ReadonlyMap<string, Buffer>, want: () => void): Promise<void>;
  };
  readonly trust: Pick<DeviceTrust, 'update' | 'approve'>;
  /** From now on this slot shall have this, until the server says something newer. Durable when it returns. */
  readonly want: (slot: string, desired: DesiredSlot) => void;
  readonly tell: (event: Omit<NewEvent, 'timeMs'>) => void;
}

export interface LocalInstall {
  readonly slot: string;
  readonly title: string;
  readonly manifestSha256: string;
}

/**
 * Returns when the package is verified, on the disk and wanted; the installation goes on by itself from there.
 * @param slot null: the one slot that has a model of this name, or the only one
 * @throws CodedError PAYLOAD_*, PACKAGE_*, TRUST_*, TARGET_*, SLOT_UNKNOWN; errors of the disk
 */
export async function installBundle(
  deps: LocalInstallDeps,
  file: Buffer,
  slot: string | null,
): Promise<LocalInstall> {
  const bundle = decodeBundle(file);
  const { manifest, manifestSha256 } = verifyPackage(bundle.files);
  const target = slotFor(deps, manifest, slot);
  takeMetadata(deps.trust, bundle);
  deps.trust.approve({ ...manifest, manifestSha256 });
  const { indexSha256, sizeBytes } = chunkPackage(bundle.files);
  const champion = modelRefOf(manifest, { manifestSha256, indexSha256, sizeBytes });
  const title = modelTitle(manifest);
  await deps.models.bring(manifestSha256, bundle.files, () =>
    deps.want(target, { champion, challenger: null }),
  );
  deps.tell({
    kind: 'model-brought',
    severity: 'info',
    slot: target,
    message: `An operator brought ${title} to this device; it is installed as if the server had sent it`,
    data: { model: manifestSha256, title },
  });
  return { slot: target, title, manifestSha256 };
}

/** What this device knows already may be newer than the stick; then the package is judged by that. */
function takeMetadata(trust: LocalInstallDeps['trust'], { metadata }: Bundle): void {
  try {
    trust.update(metadata, null);
  } catch (error) {
    if (codeOf(error) !== 'TRUST_ROLLBACK') throw error;
  }
}

function slotFor(
  { slots, models }: Pick<LocalInstallDeps, 'slots' | 'models'>,
  manifest: Manifest,
  asked: string | null,
): string {
  if (asked !== null) {
    if (slots.includes(asked)) return asked;
    throw unclear(`this device has no slot "${asked}"`, slots);
  }
  const fitting = slots.filter((slot) => models.of(slot)?.champion.manifest.name === manifest.name);
  const [only, ...others] = slots.length === 1 ? slots : fitting;
  if (only !== undefined && others.length === 0) return only;
  throw unclear(`several slots could take ${manifest.name}, or none`, slots);
}

function unclear(message: string, slots: readonly string[]): Error {
  return agentError('SLOT_UNKNOWN', message, { hint: `Name one of: ${slots.join(', ')}.` });
}
