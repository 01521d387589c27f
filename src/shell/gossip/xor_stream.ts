/**
 * XSalsa20 as a stream: bytes go in as they come, in pieces of any length. The cipher of libp2p's private
 * networks (pnet/Private-Networks-PSK-V1).
 */
import { xsalsa20 } from "@noble/ciphers/salsa.js";

/** Bytes of a block: the cipher counts them (Bernstein, "The Salsa20 family of stream ciphers"). */
const BLOCK_BYTES = 64;

/** One direction of one connection. Enciphering and deciphering are the same. */
export class XorStream {
  readonly #key: Uint8Array;
  readonly #nonce: Uint8Array;
  #position = 0;

  /** `key` has 32 bytes, `nonce` 24. */
  constructor(key: Uint8Array, nonce: Uint8Array) {
    this.#key = key;
    this.#nonce = nonce;
  }

  /** The next bytes. Throws when one direction has carried 256 GiB, where the library's counter ends. */
  update(bytes: Uint8Array): Uint8Array {
    const skipped = this.#position % BLOCK_BYTES;
    const padded = new Uint8Array(skipped + bytes.length);
    padded.set(bytes, skipped);
    const counter = Math.floor(this.#position / BLOCK_BYTES);
    this.#position += bytes.length;
    return xsalsa20(this.#key, this.#nonce, padded, undefined, counter).subarray(skipped);
  }
}
