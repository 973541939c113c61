/** HTTP to an MLflow tracking server: one address, one login, sizes and times capped, no redirects followed. */
import type { z } from 'zod';
import { firstIssues } from '../../protocol/messages.ts';
import { serverError } from '../errors.ts';

export interface MlflowClientOptions {
  /** `http://host:port`, with a path where a proxy has one. */
  readonly trackingUri: string;
  /** Value of the Authorization header; see credentials.ts. */
  readonly authorization?: string | undefined;
  /** For a whole answer to arrive. */
  readonly timeoutMs?: number;
}

const TIMEOUT_MS = 30_000;
/** Models are larger than answers, and lines may be slow. */
const DOWNLOAD_TIMEOUT_MS = 300_000;
const ANSWER_BYTES = 2 * 1024 * 1024;
const API = '/api/2.0';

interface Asked {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly body?: string;
  readonly maxBytes: number;
  readonly timeoutMs: number;
}

export class MlflowClient {
  readonly trackingUri: string;
  readonly #authorization: string | undefined;
  readonly #timeoutMs: number | undefined;

  /** @throws CodedError MLFLOW_URI_INVALID */
  constructor({ trackingUri, authorization, timeoutMs }: MlflowClientOptions) {
    this.trackingUri = checkedTrackingUri(trackingUri);
    this.#authorization = authorization;
    this.#timeoutMs = timeoutMs;
  }

  /**
   * @param path under /api/2.0, for example `/mlflow/runs/get`
   * @throws CodedError MLFLOW_UNREACHABLE (also 429 and 5xx: later it may work), MLFLOW_LOGIN_REFUSED, MLFLOW_NOT_FOUND,
   * MLFLOW_REFUSED, MLFLOW_ANSWER_INVALID
   */
  async get<T>(
    path: string,
    query: Readonly<Record<string, string>>,
    schema: z.ZodType<T>,
    signal?: AbortSignal,
  ): Promise<T> {
    const where = `${API}${path}?${new URLSearchParams(query)}`;
    const timeoutMs = this.#timeoutMs ?? TIMEOUT_MS;
    const bytes = await this.#ask({ method: 'GET', path: where, maxBytes: ANSWER_BYTES, timeoutMs }, signal);
    const parsed = schema.safeParse(jsonOf(bytes));
    if (parsed.success) return parsed.data;
    throw invalid(`${path} answered ${firstIssues(parsed.error)}`);
  }

  /** The answer is of no interest. @throws as `get` */
  async post(path: string, body: object, signal?: AbortSignal): Promise<void> {
    const timeoutMs = this.#timeoutMs ?? TIMEOUT_MS;
    const text = JSON.stringify(body);
    const asked = {
      method: 'POST',
      path: `${API}${path}`,
      body: text,
      maxBytes: ANSWER_BYTES,
      timeoutMs,
    } as const;
    await this.#ask(asked, signal);
  }

  /** @throws as `get`; MLFLOW_ANSWER_INVALID when the file is larger than `maxBytes` */
  download(path: string, maxBytes: number): Promise<Buffer> {
    const timeoutMs = this.#timeoutMs ?? DOWNLOAD_TIMEOUT_MS;
    return this.#ask({ method: 'GET', path: `${API}${path}`, maxBytes, timeoutMs });
  }

  async #ask({ method, path, body, maxBytes, timeoutMs }: Asked, signal?: AbortSignal): Promise<Buffer> {
    const timeout = AbortSignal.timeout(timeoutMs);
    let response: Response;
    let bytes: Buffer;
    try {
      response = await fetch(`${this.trackingUri}${path}`, {
        method,
        // A redirect could carry the login to another host.
        redirect: 'manual',
        signal: signal ? AbortSignal.any([timeout, signal]) : timeout,
        headers: {
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
          ...(this.#authorization === undefined ? {} : { authorization: this.#authorization }),
        },
        ...(body === undefined ? {} : { body }),
      });
      bytes = await readUpTo(response, response.ok ? maxBytes : ANSWER_BYTES);
    } catch (cause) {
      if (cause instanceof Error && cause.name === 'CodedError') throw cause;
      throw serverError('MLFLOW_UNREACHABLE', `no MLflow server answers at ${this.trackingUri}`, {
        hint: 'Is it running, and is this its address? Start one: mlflow server.',
        cause,
      });
    }
    if (response.ok) return bytes;
    throw refusal(response, bytes, path.split('?')[0] ?? path);
  }
}

/** Reads no byte more than one chunk over the limit, however long the body says it is or is not. */
async function readUpTo(response: Response, maxBytes: number): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  let sizeBytes = 0;
  for await (const part of response.body ?? []) {
    sizeBytes += part.byteLength;
    if (sizeBytes > maxBytes) throw invalid(`it sends more than ${maxBytes} bytes`);
    parts.push(part);
  }
  return Buffer.concat(parts);
}

function refusal(response: Response, bytes: Buffer, path: string): Error {
  const { status } = response;
  const { code, message } = mlflowError(bytes);
  const words = `MLflow refused ${path} with status ${status}${message ? `: ${message}` : ''}`;
  if (status === 401 || status === 403) {
    return serverError('MLFLOW_LOGIN_REFUSED', words, {
      hint: 'Set MLFLOW_TRACKING_TOKEN, or MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD.',
    });
  }
  if (status >= 500 || status === 429 || status === 408) return serverError('MLFLOW_UNREACHABLE', words);
  if (status >= 300 && status < 400) {
    return invalid(`${path} redirects to another address, which is not followed`);
  }
  // Only MLflow itself may say that something is not there; a proxy's own page proves nothing.
  if (code === undefined) return invalid(`${path} answered with status ${status} and no error of MLflow`);
  if (code === 'RESOURCE_DOES_NOT_EXIST') return serverError('MLFLOW_NOT_FOUND', words);
  return serverError('MLFLOW_REFUSED', words);
}

function mlflowError(bytes: Buffer): { code: string | undefined; message: string } {
  const answer = jsonOf(bytes);
  const text = (key: string): string | undefined => {
    const value =
      typeof answer === 'object' && answer !== null ? (answer as Record<string, unknown>)[key] : undefined;
    return typeof value === 'string' ? value.slice(0, 300) : undefined;
  };
  return { code: text('error_code'), message: text('message') ?? '' };
}

function jsonOf(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString('utf8'));
  } catch {
    return undefined;
  }
}

function invalid(words: string): Error {
  return serverError('MLFLOW_ANSWER_INVALID', `MLflow’s answer cannot be used: ${words}`, {
    hint: 'Is this the address of an MLflow 2 or 3 tracking server? Look at it in a browser.',
  });
}

/** Without a slash at its end. */
function checkedTrackingUri(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url && /^https?:$/.test(url.protocol) && !url.username && !url.password && !url.search && !url.hash) {
    return url.href.replace(/\/+$/, '');
  }
  // The text itself may hold a password, so it is not repeated.
  throw serverError('MLFLOW_URI_INVALID', 'the tracking URI is not the plain http(s) address of a server', {
    hint: 'For example http://mlflow.factory:5000; a login goes into MLFLOW_TRACKING_USERNAME and _PASSWORD.',
  });
}
