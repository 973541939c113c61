/** Choices by chance that need no memory: the same key gets the same answer, on every device and after a restart. Pure. */

/**
 * True for this share of all keys. A larger share keeps every key that a smaller one had; another salt picks others.
 * @param share 0..1
 */
export function isChosen(salt: string, key: string, share: number): boolean {
  return hash32(`${salt}\n${key}`) < share * 0x1_0000_0000;
}

/** FNV-1a over UTF-16 units, then murmur3's finalizer, so that consecutive serial numbers spread evenly. */
function hash32(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) {
    hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
