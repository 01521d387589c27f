/**
 * A short fingerprint of a text: tells by chance two texts apart, and is no protection against a person who wants them
 * to look alike.
 */

/** 64 bits as 16 hex digits: twice FNV-1a over UTF-16 units (draft-eastlake-fnv, section 2), from two beginnings. */
export function fingerprint(text: string): string {
  let a = 0x811c9dc5;
  let b = 0x050c5d1f;
  for (let index = 0; index < text.length; index++) {
    const unit = text.charCodeAt(index);
    a = Math.imul(a ^ unit, 0x01000193);
    b = Math.imul(b ^ (unit + index), 0x01000193);
  }
  return [a, b].map((half) => (half >>> 0).toString(16).padStart(8, "0")).join("");
}
