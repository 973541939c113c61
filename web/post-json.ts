/** Sends a request of a person and says in words how it went. */
export type PostResult = { ok: true } | { ok: false; words: string };

interface CodedAnswer {
  message?: unknown;
  hint?: unknown;
}

/** Never throws: a failure comes back as a sentence with the hint of the coded error, if it has one. */
export async function postJson(url: string, body: unknown): Promise<PostResult> {
  try {
    const response = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(10_000),
    });
    if (response.ok) return { ok: true };
    const answer: CodedAnswer = await response.json().catch(() => ({}));
    const words = [answer.message, answer.hint].filter((part) => typeof part === 'string');
    return { ok: false, words: words.join(' ') || `It answered with HTTP ${response.status}.` };
  } catch {
    return { ok: false, words: 'It cannot be reached. Try again when this page is live.' };
  }
}
