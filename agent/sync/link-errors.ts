/** What went wrong with the link, in words that say what to do. */
import { readFileSync } from 'node:fs';
import { type CodedError, codeOf, protocolError } from '../../protocol/errors.ts';
import { LIMITS } from '../../protocol/limits.ts';
import type { DeviceConfig } from '../config/schema.ts';
import { agentError } from '../errors.ts';

export type SyncConfig = NonNullable<DeviceConfig['sync']>;

/** An attempt to connect failed: the broker said no, or said nothing. */
export function connectError(config: SyncConfig, cause: unknown): CodedError {
  // mqtt.js has no code for a CONNACK with a refusal, only these words.
  if (cause instanceof Error && /^connection refused:/i.test(cause.message)) {
    return agentError('BROKER_REFUSED', `${config.broker} refused this device: ${cause.message}`, {
      hint: 'Check sync.username and sync.passwordFile, and the broker’s access rules.',
      cause,
    });
  }
  return agentError('BROKER_UNREACHABLE', `${config.broker} does not answer`, {
    hint: 'Nothing is lost: records wait on the device. Check the network and sync.broker.',
    cause,
  });
}

export function lostError(cause: unknown): CodedError {
  return codeOf(cause) === 'PAYLOAD_TOO_LARGE'
    ? messageTooLarge(LIMITS.messageBytes, cause)
    : agentError('LINK_CUT', 'the connection to the broker broke', { cause });
}

export function messageTooLarge(sizeBytes: number, cause?: unknown): CodedError {
  return protocolError(
    'PAYLOAD_TOO_LARGE',
    `the broker sent ${sizeBytes} bytes or more, limit ${LIMITS.messageBytes}`,
    {
      cause,
    },
  );
}

/**
 * Read at each connect, so that a new password needs no restart.
 * @throws CodedError CONFIG_UNREADABLE
 */
export function credentials(config: SyncConfig): { username?: string; password?: string } {
  if (config.username === undefined) return {};
  if (config.passwordFile === undefined) return { username: config.username };
  try {
    return { username: config.username, password: readFileSync(config.passwordFile, 'utf8').trimEnd() };
  } catch (cause) {
    throw agentError('CONFIG_UNREADABLE', `sync.passwordFile ${config.passwordFile} cannot be read`, {
      hint: 'Let the agent read that file, or name another.',
      cause,
    });
  }
}
