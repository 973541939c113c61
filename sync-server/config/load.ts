/** Reads the server's configuration file: every error at once, relative paths made absolute, then frozen. */
import { dirname, resolve } from 'node:path';
import { explainIssues, knownKeysOf } from '../../daemon/config-errors.ts';
import { frozen, readConfigFile } from '../../daemon/config-file.ts';
import { serverError } from '../errors.ts';
import { type ServerConfig, serverConfigSchema } from './schema.ts';

/**
 * @param path the file; absent means all defaults
 * @throws CodedError CONFIG_UNREADABLE, CONFIG_INVALID
 */
export function loadServerConfig(path?: string): ServerConfig {
  if (path === undefined) return parseServerConfig({}, process.cwd());
  const file = resolve(path);
  const value = readConfigFile(file, {
    missing: 'Name an existing file with --config, or leave it out for the defaults.',
  });
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
  return frozen({
    ...config,
    mlflow,
    dataDir: resolve(baseDir, config.dataDir),
    broker,
    trust: { ...config.trust, root: config.trust.root === null ? null : resolve(baseDir, config.trust.root) },
  });
}
