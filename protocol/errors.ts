/**
 * The one error class of Andon. `code` is stable and safe to match on; `hint` says what a person can do next.
 * Each side lists its own codes in its own errors file; the codes below are those of the wire.
 */
export class CodedError<Code extends string = string> extends Error {
  readonly code: Code;
  readonly hint: string | undefined;

  constructor(code: Code, message: string, options: { hint?: string; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'CodedError';
    this.code = code;
    this.hint = options.hint;
  }
}

export type ProtocolErrorCode =
  | 'PAYLOAD_TOO_LARGE'
  | 'PAYLOAD_TRUNCATED'
  | 'PAYLOAD_MALFORMED'
  | 'PAYLOAD_VERSION_UNKNOWN'
  | 'PAYLOAD_EXPANDS_TOO_FAR'
  | 'PACKAGE_MANIFEST_INVALID'
  | 'PACKAGE_PATH_UNSAFE'
  | 'PACKAGE_FILE_MISSING'
  | 'PACKAGE_HASH_MISMATCH'
  | 'PACKAGE_TOO_LARGE'
  | 'ENROLMENT_CODE_INVALID'
  | 'SIGNATURE_UNTRUSTED'
  | 'SIGNATURE_INVALID'
  | 'TRUST_UNREADABLE'
  | 'TRUST_MALFORMED'
  | 'TRUST_TOO_LARGE'
  | 'TRUST_SIGNATURE_INVALID'
  | 'TRUST_WRONG_ROLE'
  | 'TRUST_THRESHOLD'
  | 'TRUST_ROLLBACK'
  | 'TRUST_MIXED'
  | 'TRUST_EXPIRED'
  | 'TARGET_UNKNOWN'
  | 'TARGET_MISMATCH';

export function protocolError(
  code: ProtocolErrorCode,
  message: string,
  options: { hint?: string; cause?: unknown } = {},
): CodedError<ProtocolErrorCode> {
  return new CodedError(code, message, options);
}

/** The code of any thrown value: a `CodedError`'s own, a Node error's (`ENOSPC`), or `UNEXPECTED`. */
export function codeOf(error: unknown): string {
  if (error instanceof Error && 'code' in error && typeof error.code === 'string') return error.code;
  return 'UNEXPECTED';
}
