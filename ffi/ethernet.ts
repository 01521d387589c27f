/**
 * Ethernet frames and link-layer addresses (IEEE 802.3, as linux/if_ether.h has them).
 */

/** Destination, source, type. */
export const ETHERNET_HEADER_BYTES = 14;
/** ETH_ALEN. */
export const MAC_BYTES = 6;
/** Everybody on the LAN. */
export const MAC_BROADCAST: Uint8Array = Uint8Array.of(255, 255, 255, 255, 255, 255);
/** Nobody: what an asker puts where the answer belongs. */
export const MAC_ZERO: Uint8Array = new Uint8Array(MAC_BYTES);

/** A frame with its header written and room for the payload. */
export function ethernetFrame(header: {
  readonly destination: Uint8Array;
  readonly source: Uint8Array;
  readonly etherType: number;
  readonly payloadBytes: number;
}): Uint8Array {
  const frame = new Uint8Array(ETHERNET_HEADER_BYTES + header.payloadBytes);
  frame.set(header.destination, 0);
  frame.set(header.source, MAC_BYTES);
  new DataView(frame.buffer).setUint16(2 * MAC_BYTES, header.etherType);
  return frame;
}

/** Writes `02:00:00:00:00:01`; empty for no address. */
export function formatMac(mac: Uint8Array): string {
  return [...mac].map((byte) => byte.toString(16).padStart(2, "0")).join(":");
}
