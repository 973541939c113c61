/** Reads device.config.json: every problem listed at once, relative paths resolved, the result frozen. */
import { dirname, resolve } from 'node:path';
import { explainIssues, knownKeysOf } from '../../daemon/config-errors.ts';
import { frozen, readConfigFile } from '../../daemon/config-file.ts';
import { agentError } from '../errors.ts';
import { crossCheck } from './cross-check.ts';
import { type DeviceConfig, deviceConfigSchema } from './schema.ts';

/**
 * Relative paths in the file count from the file's own folder.
 * @returns deeply frozen
 * @throws CodedError CONFIG_UNREADABLE (no file, not JSON), CONFIG_INVALID (one line a problem)
 */
export function loadDeviceConfig(path: string): DeviceConfig {
  const file = resolve(path);
  const input = readConfigFile(file, {
    missing: 'Copy device.config.json of the project there, or pass the path of yours.',
  });
  const parsed = deviceConfigSchema.safeParse(input);
  const problems = [
    ...(parsed.success ? [] : explainIssues(parsed.error, input, knownKeysOf(deviceConfigSchema, input))),
    ...crossCheck(input),
  ];
  if (!parsed.success || problems.length > 0) {
    const count = problems.length === 1 ? 'one problem' : `${problems.length} problems`;
    throw agentError('CONFIG_INVALID', [`${file} has ${count}:`, ...problems].join('\n  '), {
      hint: 'Mend these lines and start the agent again.',
    });
  }
  return frozen(withAbsolutePaths(parsed.data, dirname(file)));
}

function withAbsolutePaths(config: DeviceConfig, folder: string): DeviceConfig {
  const absolute = (path: string) => resolve(folder, path);
  return {
    ...config,
    dataDir: absolute(config.dataDir),
    sources: mapValues(config.sources, (source) =>
      source.kind === 'file' ? { ...source, path: absolute(source.path) } : source,
    ),
    slots: mapValues(config.slots, (slot) => ({ ...slot, model: absolute(slot.model) })),
    sync: config.sync?.passwordFile
      ? { ...config.sync, passwordFile: absolute(config.sync.passwordFile) }
      : config.sync,
    alarms: {
      outputs: config.alarms.outputs.map((output) => withAbsoluteFiles(output, absolute)),
    },
    trust: { metadata: absolute(config.trust.metadata) },
    http: { ...config.http, pinFile: config.http.pinFile === null ? null : absolute(config.http.pinFile) },
  };
}

/** Keys that end in `File` name one. */
function withAbsoluteFiles<T extends object>(values: T, absolute: (path: string) => string): T {
  const entries = Object.entries(values).map(([key, value]) => {
    return [key, key.endsWith('File') && typeof value === 'string' ? absolute(value) : value];
  });
  return Object.fromEntries(entries) as T;
}

function mapValues<T>(record: Record<string, T>, change: (value: T) => T): Record<string, T> {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, change(value)]));
}
