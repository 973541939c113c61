/** Packages that must never come to decide anything, each with how the device has to answer. */
import type { Golden, Manifest } from '../../../protocol/manifest.ts';
import { makePackage, manifestOf, type PackageOptions, withManifest } from '../../support/packages.ts';
import { tinyOnnx } from '../../support/tiny-onnx.ts';

/** What test/support/crash-on-666.ts dies of; the samples have it in `b`. */
export const CRASH = 666;

export interface HostilePackage {
  readonly name: string;
  readonly files: ReadonlyMap<string, Buffer>;
  /** What the release team put on its list; null: nothing. */
  readonly signed: ReadonlyMap<string, Buffer> | null;
  /** Refused before it spoke, or rolled back after. */
  readonly state: 'refused' | 'rolled-back';
  /** Counted where an operator sees it. */
  readonly code: string;
  /** In the reported state. */
  readonly reason: RegExp;
}

const HARMLESS: Golden = { samples: [{ input: [0, 0], output: [0.5] }] };
/** Sees `b` as its first value, which no champion does. */
const B_FIRST: Manifest['input'] = {
  kind: 'features',
  tensor: 'input',
  features: [
    { name: 'b', unit: '' },
    { name: 'a', unit: '' },
  ],
};
/** Loops 10^12 times for each unit of `a`: for ever, unless that is 0. */
const ENDLESS = { kind: 'loop', weights: [[1e12, 0]] } as const;

let version = 100;

/** A new version each, in the order in which they are tried: those that kill the engine first. */
export function hostilePackages(): HostilePackage[] {
  return [
    atWork('crashes the engine at its first batch', 'ENGINE_CRASHED', /engine crashed/, { input: B_FIRST }),
    atWork('hangs at its first batch', 'ENGINE_TIMEOUT', /engine hung/, { graph: ENDLESS, golden: HARMLESS }),
    atWork('answers NaN at work', 'ENGINE_OUTPUT_INVALID', /errors in/, {
      graph: { kind: 'sqrt', weights: [[-1, 0]] },
    }),
    inTest('crashes the engine in its self-test', 'ENGINE_CRASHED', {
      golden: { samples: [{ input: [CRASH, 0], output: [1] }] },
    }),
    inTest('hangs in its self-test', 'ENGINE_TIMEOUT', {
      graph: ENDLESS,
      golden: { samples: [{ input: [1, 0], output: [1] }] },
    }),
    inTest('answers NaN in its self-test', 'ENGINE_OUTPUT_INVALID', {
      graph: { kind: 'sqrt', weights: [[-1, 0]] },
      golden: { samples: [{ input: [1, 0], output: [1] }] },
    }),
    inTest('fails its golden samples', 'GOLDEN_SAMPLES_FAILED', {
      golden: { samples: [{ input: [0, 0], output: [0.9] }] },
    }),
    inTest('holds no ONNX', 'ENGINE_MODEL_UNREADABLE', { onnx: Buffer.from('not a model at all') }),
    inTest('takes other inputs than its manifest says', 'ENGINE_INPUT_MISMATCH', {
      onnx: tinyOnnx({ weights: [[1, 2, 3]] }),
    }),
    { ...inTest('is on no list', 'TARGET_UNKNOWN', {}), signed: null },
    changed('was changed after it was signed', 'TARGET_MISMATCH', (files) => {
      const manifest = { ...manifestOf(files), summary: 'Something else.' };
      files.set('manifest.json', Buffer.from(JSON.stringify(manifest)));
    }),
    changed('has one byte flipped', 'PACKAGE_HASH_MISMATCH', (files) => {
      const onnx = Buffer.from(files.get('model.onnx') ?? '');
      onnx.writeUInt8(onnx.readUInt8(40) ^ 1, 40);
      files.set('model.onnx', onnx);
    }),
    changed('brings a file that climbs out of its folder', 'PAYLOAD_MALFORMED', (files) =>
      files.set('../../climbed-out', Buffer.from('x')),
    ),
    climbingManifest(),
  ];
}

function atWork(name: string, code: string, reason: RegExp, options: PackageOptions): HostilePackage {
  const files = newVersion(options);
  return { name, code, reason, state: 'rolled-back', files, signed: files };
}

function inTest(name: string, code: string, options: PackageOptions): HostilePackage {
  const files = newVersion(options);
  return { name, code, reason: new RegExp(code), state: 'refused', files, signed: files };
}

function changed(
  name: string,
  code: string,
  change: (files: Map<string, Buffer>) => unknown,
): HostilePackage {
  const signed = newVersion({});
  const files = new Map(signed);
  change(files);
  return { name, code, reason: new RegExp(code), state: 'refused', files, signed };
}

function climbingManifest(): HostilePackage {
  const files = newVersion({});
  files.set('../../climbed-out', Buffer.from('x'));
  const climbing = withManifest(files, manifestOf(files));
  climbing.delete('../../climbed-out');
  const code = 'PACKAGE_PATH_UNSAFE';
  return {
    name: 'lists a path that climbs out',
    code,
    reason: new RegExp(code),
    state: 'refused',
    files: climbing,
    signed: climbing,
  };
}

export function newVersion(options: PackageOptions): Map<string, Buffer> {
  version += 1;
  return makePackage({ ...options, version });
}
