/** How long a person has a prediction open: weak evidence, sent only where a rule of the slot asks for it. */
import { useEffect } from 'preact/hooks';
import { postJson } from '../../web/post-json.ts';
import type { LookRequest } from '../http/view.ts';

/** A tap that is closed at once is no look. */
const SHORTEST_MS = 1000;

export function useDwell(openId: string | undefined, asked: boolean): void {
  useEffect(() => {
    if (!asked || openId === undefined) return undefined;
    const openedMs = performance.now();
    return () => {
      const request: LookRequest = {
        predictionId: openId,
        durationMs: Math.round(performance.now() - openedMs),
      };
      // Nobody waits for it; a look that cannot be kept is no loss.
      if (request.durationMs >= SHORTEST_MS) void postJson('api/looked-at', request);
    };
  }, [openId, asked]);
}
