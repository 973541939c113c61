/** The CLI's own coded errors, and how any error is told to a person: one sentence and a hint. */
import { CodedError, codeOf } from '../protocol/errors.ts';

export type CliErrorCode =
  | 'SERVER_UNREACHABLE'
  | 'SERVER_ANSWER_UNKNOWN'
  | 'FOLDER_UNREADABLE'
  | 'KEY_UNREADABLE'
  | 'KEY_EXISTS'
  | 'TOKEN_UNREADABLE'
  | 'AUDIT_BROKEN'
  | 'VERSION_TAKEN'
  | 'ARGUMENT_INVALID'
  | 'MLFLOW_MODEL_UNSUPPORTED'
  | 'MLFLOW_FACT_INVALID'
  | 'MLFLOW_FACTS_MISSING'
  | 'DEMO_FOLDER_FOREIGN'
  | 'DEMO_PART_FAILED'
  | 'INPUT_UNREADABLE'
  | 'INPUT_COLUMN_MISSING'
  | 'OUTPUT_EXISTS'
  | 'STORE_UNREADABLE'
  | 'DATASET_EMPTY'
  | 'BATCH_CHANGED'
  | 'BATCH_RUNNING';

export function cliError(
  code: CliErrorCode,
  message: string,
  options: { hint?: string; cause?: unknown } = {},
): CodedError<CliErrorCode> {
  return new CodedError(code, message, options);
}

const SYSTEM_HINTS: Record<string, string> = {
  ENOSPC: 'The disk is full. Free some room and run the same command again.',
  EDQUOT: 'Your disk quota is used up. Free some room and run the same command again.',
  EACCES: 'You may not read or write there. Choose another folder, or change its owner.',
  EPERM: 'You may not read or write there. Choose another folder, or change its owner.',
  EROFS: 'This file system is read-only. Choose another folder.',
  EADDRINUSE: 'Another program uses this port. End it, or choose another port in the configuration.',
};

/** What went wrong, and (on its own line) what to do, where that is known. */
export function explainError(error: unknown): string {
  const words = error instanceof Error ? error.message : String(error);
  const message = /[.!?:]$|\n/.test(words) ? words : `${words}.`;
  const hint = error instanceof CodedError ? error.hint : SYSTEM_HINTS[codeOf(error)];
  return hint ? `${message}\n  ${hint}` : message;
}
