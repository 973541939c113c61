/** Reads the server's configuration file: every error at once, relative paths made absolute, then frozen. */
import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { explainIssues, knownKeysOf } from '../../protocol/config-errors.ts';
import { jsonErrorPlace } from '../../protocol/json-place.ts';
import { serverError } from '../errors.ts';
import { type ServerConfig, serverConfigSchema } from './schema.ts';

/**
 * @param path the file; absent means all defaults
 * @throws CodedError CONFIG_UNREADABLE, CONFIG_INVALID
 */
export function loadServerConfig(path?: string): ServerConfig {
  if (path === undefined) return parseServerConfig({}, process.cwd());
  const file = resolve(path);
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (cause) {
    throw serverError('CONFIG_UNREADABLE', `cannot read the configuration ${file}`, {
      hint: 'Name an existing file with --config, or leave it out for the defaults.',
      cause,
    });
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    const place = jsonErrorPlace(text);
    const where = place ? ` at line ${place.line}, column ${place.column}` : '';
    throw serverError('CONFIG_UNREADABLE', `${file} is not JSON${where}`, {
      hint: 'Look for a missing comma or quote right before that place.',
      cause,
    });
  }
  return parseServerConfig(value, dirname(file), file);
}

/**
 * @param baseDir what relative paths count from
 * @throws CodedError CONFIG_INVALID that lists every problem
 */
export function parseServerConfig(value: unknown, baseDir: string, name = 'the configuration'): ServerConfig {
  const parsed = serverConfigSchema.safeParse(value);
  if (!parsed.success) {
    const problems = explainIssues(parsed.error, value, knownKeysOf(serverConfigSchema, value));
    throw serverError('CONFIG_INVALID', `${name}:\n${problems.join('\n')}`, {
      hint: 'Every problem is listed; mend them all and start again.',
    });
  }
  const config = parsed.data;
  const secret = (path: string | undefined) => (path === undefined ? undefined : resolve(baseDir, path));
  const broker =
    config.broker.kind === 'external'
      ? {
          ...config.broker,
          passwordFile: secret(config.broker.passwordFile),
          exportFolder: config.broker.exportFolder && resolve(baseDir, config.broker.exportFolder),
        }
      : config.broker;
  const mlflow = config.mlflow && {
    ...config.mlflow,
    tokenFile: secret(config.mlflow.tokenFile),
    passwordFile: secret(config.mlflow.passwordFile),
  };
  return deepFreeze({
    ...config,
    mlflow,
    dataDir: resolve(baseDir, config.dataDir),
    broker,
    trust: { ...config.trust, root: config.trust.root === null ? null : resolve(baseDir, config.trust.root) },
  });
}

function deepFreeze<T>(value: T): T {
  if (value !== null && typeof value === 'object' && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const child of Object.values(value)) deepFreeze(child);
  }
  return value;
}
