/** One HTTP call to a part of Andon, and its answer as an object or a file; every failure as a sentence and a hint. */
import { CodedError } from '../protocol/errors.ts';
import { cliError } from './errors.ts';

export interface Peer {
  /** Without a slash at its end. */
  readonly url: string;
  /** What should answer there, for the words of an error. */
  readonly what: string;
  readonly hint: string;
}

export interface Call {
  readonly method: string;
  readonly path: string;
  /** What the answer must have: a part of this version means the rest of the type by them. */
  readonly keys: readonly string[];
  readonly timeoutMs: number;
  readonly body?: string | Uint8Array<ArrayBuffer>;
  readonly headers?: Readonly<Record<string, string>>;
}

/** @throws CodedError the peer's own, SERVER_UNREACHABLE, SERVER_ANSWER_UNKNOWN */
export async function callJson<T>(peer: Peer, call: Call): Promise<T> {
  const { url, what, hint } = peer;
  const { method, path, keys, timeoutMs, body, headers } = call;
  let response: Response;
  let text: string;
  try {
    response = await fetch(`${url}${path}`, {
      method,
      signal: AbortSignal.timeout(timeoutMs),
      ...(headers && { headers }),
      ...(body !== undefined && { body }),
    });
    text = await response.text();
  } catch (cause) {
    throw cliError('SERVER_UNREACHABLE', `No ${what} answers at ${url}.`, { hint, cause });
  }
  const answer = objectFrom(text);
  if (!response.ok) throw refusal(response.status, answer, path);
  if (!answer || !keys.every((key) => key in answer)) {
    throw cliError('SERVER_ANSWER_UNKNOWN', `${url}${path} answered something that is not Andon's.`, {
      hint,
    });
  }
  return answer as T;
}

/** As `callJson`, for an answer that is a file. @throws CodedError likewise */
export async function callForBytes(
  { url, what, hint }: Peer,
  { method, path, timeoutMs, headers }: Omit<Call, 'keys' | 'body'>,
): Promise<{ body: ReadableStream<Uint8Array>; headers: Headers }> {
  let response: Response;
  try {
    response = await fetch(`${url}${path}`, {
      method,
      signal: AbortSignal.timeout(timeoutMs),
      ...(headers && { headers }),
    });
  } catch (cause) {
    throw cliError('SERVER_UNREACHABLE', `No ${what} answers at ${url}.`, { hint, cause });
  }
  if (!response.ok) throw refusal(response.status, objectFrom(await response.text()), path);
  const { body } = response;
  if (!body) throw cliError('SERVER_ANSWER_UNKNOWN', `${url}${path} answered nothing.`, { hint });
  return { body, headers: response.headers };
}

function objectFrom(text: string): object | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return value !== null && typeof value === 'object' ? value : undefined;
  } catch {
    return undefined;
  }
}

function refusal(status: number, answer: object | undefined, path: string): Error {
  if (answer && 'code' in answer && 'message' in answer) {
    const hint = 'hint' in answer && typeof answer.hint === 'string' ? { hint: answer.hint } : {};
    return new CodedError(String(answer.code), String(answer.message), hint);
  }
  return cliError('SERVER_ANSWER_UNKNOWN', `It refused ${path} with status ${status}.`, {
    hint: 'Something else may listen there, or stand in between. Check the address.',
  });
}
