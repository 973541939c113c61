/** Sends a request of a person and says in words how it went. */
export type PostResult = { ok: true } | { ok: false; words: string };

interface CodedAnswer {
  message?: unknown;
  hint?: unknown;
}

/** For an answer to a few bytes, and to a file that may be large. */
const TIMEOUT_MS = 10_000;
const FILE_TIMEOUT_MS = 300_000;

export function postJson(
  url: string,
  body: unknown,
  headers: Readonly<Record<string, string>> = {},
): Promise<PostResult> {
  const json = { 'content-type': 'application/json', ...headers };
  return post(url, JSON.stringify(body), json, TIMEOUT_MS);
}

export function postFile(
  url: string,
  file: Blob,
  headers: Readonly<Record<string, string>> = {},
): Promise<PostResult> {
  return post(url, file, { 'content-type': 'application/octet-stream', ...headers }, FILE_TIMEOUT_MS);
}

/** Never throws: a failure comes back as a sentence with the hint of the coded error, if it has one. */
async function post(
  url: string,
  body: BodyInit,
  headers: Record<string, string>,
  timeoutMs: number,
): Promise<PostResult> {
  try {
    const signal = AbortSignal.timeout(timeoutMs);
    const response = await fetch(url, { method: 'POST', headers, body, signal });
    if (response.ok) return { ok: true };
    const answer: CodedAnswer = await response.json().catch(() => ({}));
    const words = [sentence(answer.message), sentence(answer.hint)].filter((part) => part !== '');
    return { ok: false, words: words.join(' ') || `It answered with HTTP ${response.status}.` };
  } catch {
    return { ok: false, words: 'It cannot be reached. Try again when this page is live.' };
  }
}

/** Errors begin small and end without a stop, because logs put them behind a code. */
function sentence(text: unknown): string {
  if (typeof text !== 'string' || text === '') return '';
  const capital = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?]$/.test(capital) ? capital : `${capital}.`;
}
