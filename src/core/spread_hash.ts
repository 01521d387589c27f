/**
 * The hash by which things are spread over nodes.
 */

/** 32-bit FNV-1a: spreads VIPs over nodes; not for secrets. */
export function spreadHash(text: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index++) {
    hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  }
  // FNV alone hardly moves the high bits for texts that differ at the end: mix once (murmur3's finalizer).
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  return (hash ^ (hash >>> 13)) >>> 0;
}
