/** JSON that is asked for again and again; what came last stays while an answer fails. */
import { useEffect, useState } from 'preact/hooks';

/** @returns undefined until the first answer of this address */
export function useFetched<T>(url: string, everyMs: number): T | undefined {
  const [fetched, setFetched] = useState<{ url: string; body: T }>();
  useEffect(() => {
    const ended = new AbortController();
    const ask = async () => {
      try {
        const answer = await fetch(url, { signal: ended.signal });
        if (answer.ok) setFetched({ url, body: (await answer.json()) as T });
      } catch {
        // Asked again in a moment; the board says when the server is lost.
      }
    };
    void ask();
    const timer = setInterval(ask, everyMs);
    return () => {
      ended.abort();
      clearInterval(timer);
    };
  }, [url, everyMs]);
  return fetched?.url === url ? fetched.body : undefined;
}
