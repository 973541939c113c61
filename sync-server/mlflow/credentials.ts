/** How to log in at MLflow: by MLflow's own environment variables, or by files that the configuration names. Never logged. */
import { readFileSync } from 'node:fs';
import { codeOf } from '../../protocol/errors.ts';
import { serverError } from '../errors.ts';

export interface LoginFiles {
  readonly tokenFile?: string | undefined;
  readonly username?: string | undefined;
  readonly passwordFile?: string | undefined;
}

/**
 * Files win over the environment, a token over a password.
 * @returns the value of an Authorization header; undefined when there is no login
 * @throws CodedError MLFLOW_LOGIN_UNREADABLE
 */
export function mlflowAuthorization(files: LoginFiles, env: NodeJS.ProcessEnv): string | undefined {
  const { tokenFile, username, passwordFile } = files;
  if (tokenFile !== undefined) return `Bearer ${secretIn(tokenFile)}`;
  if (username !== undefined) {
    return basic(username, passwordFile === undefined ? '' : secretIn(passwordFile));
  }
  if (env.MLFLOW_TRACKING_TOKEN) return `Bearer ${env.MLFLOW_TRACKING_TOKEN}`;
  if (env.MLFLOW_TRACKING_USERNAME) {
    return basic(env.MLFLOW_TRACKING_USERNAME, env.MLFLOW_TRACKING_PASSWORD ?? '');
  }
  return undefined;
}

function basic(username: string, password: string): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
}

function secretIn(file: string): string {
  try {
    return readFileSync(file, 'utf8').trim();
  } catch (cause) {
    throw serverError('MLFLOW_LOGIN_UNREADABLE', `the login file ${file} cannot be read (${codeOf(cause)})`, {
      hint: 'Check the path under "mlflow" in the configuration, and who may read the file.',
      cause,
    });
  }
}
