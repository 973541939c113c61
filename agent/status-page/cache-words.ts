/** Sentences about the cache of a slot. */
import { formatBytes, formatShare } from '../../web/format.ts';
import type { SlotView } from '../http/view.ts';

interface CacheSaid {
  readonly found: string;
  /** What to do when looking for inputs costs more than it saves; null when it does not. */
  readonly advice: string | null;
}

export function cacheWords({
  hits,
  misses,
  bytes,
  maxBytes,
  hurts,
}: NonNullable<SlotView['cache']>): CacheSaid {
  const rows = hits + misses;
  const seen = rows === 0 ? 'no input yet' : `${formatShare(hits / rows)} of inputs seen before`;
  return {
    found: `Cache: ${seen}, ${formatBytes(bytes)} of ${formatBytes(maxBytes)}`,
    advice: hurts
      ? 'Too few inputs come twice for what looking for them costs. Take the cache out of this slot in device.config.json.'
      : null,
  };
}
