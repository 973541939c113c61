/** Who decides a sample while a challenger is there. Pure: the same part gets the same answer, on every device and after a restart. */
import { isChosen } from './chance.ts';

/**
 * A larger share keeps every sample that a smaller one had; another rollout picks another part of the samples.
 * @param share 0..1
 * @param key what names the sample: its correlation id, or a count where it has none
 */
export function challengerDecides(rolloutId: string, key: string, share: number): boolean {
  return isChosen(rolloutId, key, share);
}
