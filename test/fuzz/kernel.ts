/**
 * Decoders of what the kernel answers, and of frames that come from the LAN.
 */
import { decodeArp } from "../../ffi/arp_frame.ts";
import { decodeFouPort } from "../../ffi/fou_codec.ts";
import { decodeEchoMessage } from "../../ffi/icmp_echo.ts";
import { decodeDiagSocket } from "../../ffi/inet_diag_codec.ts";
import { decodeDestination, decodeService } from "../../ffi/ipvs_codec.ts";
import { decodeDaemon, decodeInfo, decodeTimeouts } from "../../ffi/ipvs_daemon_codec.ts";
import { decodeAdvertisement } from "../../ffi/neighbour_discovery_frame.ts";
import { decodeAcknowledgement, decodeMessages } from "../../ffi/netlink_message.ts";
import { decodeAddress, decodeGateway, decodeLink } from "../../ffi/rtnetlink_codec.ts";
import { decodeTunnelLink } from "../../ffi/tunnel_link_codec.ts";
import { hex } from "../ffi/hex.ts";
import type { Decoder } from "./decoder.ts";

const statistics = `7c000c80 0c00010000000000 00000000 0c00020000000000 00000000`;
const service = `01010000 58000100 0600010002000000 0600020006000000
  14000300c000020a000000000000000000000000 0600040000500000 0700060072720000
  0c00070002000000ffffffff 0800080000000000 08000900ffffffff`;
const server = `05010000 7c000200 140001000a000009000000000000000000000000
  0600020001bb0000 0800030002000000 0800040001000000 05000d0000000000 06000e0000000000
  06000f0000000000 0800050000000000 0800060000000000 0800070000000000 0800080000000000
  0800090000000000 06000b0002000000`;
const link = `00000403 01000000 49000100 00000000 070003006c6f0000 08000d00e8030000
  0a00010000000000000000000500100006000000 08001b0000000000`;
const listener = `0a0a0000 1f910000 00000000 00000000 00000000 00000001 00000000 00000000
  00000000 00000000 00000000 02000000 00000000 00000000 00000000 80000000 00000000 86030000
  0500080000000000 05000b0001000000 08000f0000000000`;
const arp = `ffffffffffff 020000000002 0806 0001 0800 06 04 0002 020000000002 c0000242
  020000000001 c0000201`;
const advertisement = `333300000001 020000000001 86dd 60000000 0020 3a ff
  20010db8000000000000000000000010 ff020000000000000000000000000001
  88 00 f90c 20000000 20010db8000000000000000000000010 0201 020000000001`;
const address = "02200000 02000000 08000200c000020a 08000100c000020a 09000300 6c6f3a31 00000000";

const route = "02200000 fe020001 00000000 08000500c00002fe 0800040002000000";

/** A datagram of several messages, the last one an error with the kernel's words. */
const datagram = `24000000 1000 0200 07000000 00000000 ${
  "01010000 0600010002000000".padEnd(25)
} 00000000 00000000
  38000000 0200 0003 08000000 00000000 eaffffff 10000000 1000 0500 08000000 00000000
  0d000100 6e6f2073 75636800 00000000 00000000`;

function decoder(
  name: string,
  seeds: readonly string[],
  run: (bytes: Uint8Array) => unknown,
): Decoder {
  return { name, seeds: seeds.map(hex), bytesMax: 16_384, run };
}

/** See the head of this file. */
export const kernelDecoders: readonly Decoder[] = [
  decoder("netlink messages", [datagram], (bytes) => {
    const messages = decodeMessages(bytes);
    return messages?.map((message) => ({
      ...message,
      acknowledgement: message.payload.length >= 8 ? decodeAcknowledgement(message) : null,
    }));
  }),
  decoder("IPVS service", [service, service + statistics], decodeService),
  decoder("IPVS real server", [server, server + statistics], (bytes) => [
    decodeDestination(bytes, 4),
    decodeDestination(bytes, 6),
  ]),
  decoder(
    "IPVS daemon, time limits, info",
    ["09010000 18000300 0800010001000000 0900020065746830 00000000", "0e010000 0800010004020100"],
    (bytes) => [decodeDaemon(bytes), decodeTimeouts(bytes), decodeInfo(bytes)],
  ),
  decoder("rtnetlink address", [address], decodeAddress),
  decoder("rtnetlink link", [link], (bytes) => [decodeLink(bytes), decodeTunnelLink(bytes)]),
  decoder("rtnetlink gateway", [route], decodeGateway),
  decoder("GUE port", ["03010000 0500020002000000 0600010017c00000"], decodeFouPort),
  decoder("inet_diag socket", [listener], decodeDiagSocket),
  decoder("ARP frame", [arp], decodeArp),
  decoder("neighbour advertisement", [advertisement], decodeAdvertisement),
  decoder(
    "ICMP echo",
    ["4500001f 00000000 40010000 c0000201 c0000202 0000ffff 12340007 616263", "8100ffff 12340007"],
    (bytes) => [decodeEchoMessage(4, bytes), decodeEchoMessage(6, bytes)],
  ),
];
