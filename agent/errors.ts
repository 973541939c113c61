/** Every coded error of the agent. The words are for the log and the page; the code is for programs. */
import { CodedError } from '../protocol/errors.ts';

export type AgentErrorCode =
  | 'CONFIG_UNREADABLE'
  | 'CONFIG_INVALID'
  | 'SOURCE_FILE_UNREADABLE'
  | 'SOURCE_COLUMN_MISSING'
  | 'SOURCE_ROW_TOO_LONG'
  | 'SAMPLE_INVALID'
  | 'SAMPLE_DROPPED'
  | 'QUEUE_FULL'
  | 'REQUEST_TIMEOUT'
  | 'IMAGE_UNREADABLE'
  | 'LINE_EVENT_INVALID'
  | 'ENGINE_MODEL_UNREADABLE'
  | 'ENGINE_INPUT_MISMATCH'
  | 'ENGINE_OUTPUT_INVALID'
  | 'ENGINE_CRASHED'
  | 'ENGINE_TIMEOUT'
  | 'ENGINE_PROVIDER_MISSING'
  | 'GOLDEN_SAMPLES_FAILED'
  | 'MODEL_UNREADABLE'
  | 'MODEL_TOO_SLOW'
  | 'MODEL_TOO_LARGE'
  | 'MODEL_FAILS_ON_TRIAL'
  | 'MODEL_ENDS_ENGINE'
  | 'SELF_TEST_IMPOSSIBLE'
  | 'MODEL_NOT_ACTIVE'
  | 'DESIRED_REFUSED'
  | 'BROKER_UNREACHABLE'
  | 'BROKER_REFUSED'
  | 'NOT_ENROLLED'
  | 'ENROLMENT_FAILED'
  | 'LINK_CUT'
  | 'ACK_REFUSED'
  | 'FETCH_ABORTED'
  | 'CHUNKS_UNREACHABLE'
  | 'CHUNKS_MALFORMED'
  | 'CHUNKS_CHANGED'
  | 'DISK_TOO_FULL'
  | 'STORE_FULL'
  | 'STORE_CORRUPT'
  | 'STORE_LOCKED'
  | 'STORE_UNWRITABLE'
  | 'PREDICTION_UNKNOWN'
  | 'PIN_WRONG'
  | 'PIN_LOCKED'
  | 'PIN_NOT_SET'
  | 'SLOT_UNKNOWN'
  | 'MODEL_UNKNOWN'
  | 'MODEL_CONTROL_REFUSED'
  | 'METHOD_NOT_ALLOWED'
  | 'REQUEST_INVALID'
  | 'REQUEST_TOO_LARGE'
  | 'NOT_FOUND'
  | 'HOST_REFUSED'
  | 'ORIGIN_REFUSED'
  | 'TOO_MANY_VIEWERS'
  | 'PAGE_NOT_BUILT'
  | 'PORT_TAKEN';

export function agentError(
  code: AgentErrorCode,
  message: string,
  options: { hint?: string; cause?: unknown } = {},
): CodedError<AgentErrorCode> {
  return new CodedError(code, message, options);
}
