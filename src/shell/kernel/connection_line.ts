/**
 * Lines of /proc/net/ip_vs_conn (ip_vs_conn_seq_show in net/netfilter/ipvs/ip_vs_conn.c):
 *
 *     Pro FromIP   FPrt ToIP     TPrt DestIP   DPrt State       Expires PEName PEData
 *     TCP 0A004FB6 A8C2 C000020A 0050 0A010001 0050 ESTABLISHED     899
 *     UDP 2001:0db8:0000:0000:0000:0000:0000:0001 13C4 … NONE             58 sip 4711@client
 *
 * Addresses are eight hexadecimal digits, or IPv6 in full; a tunnelled server may be of the other family. Ports are
 * hexadecimal. The template of a persistent mark service is of protocol `IP`, with the mark in place of the VIP.
 */
import { type Ip, parseIp } from "../../core/address.ts";
import type { Connection } from "../../core/table/connection.ts";

/** How the first line of the file begins. */
export const HEADING = "Pro ";

const ADDRESS = "([0-9A-F]{8}|[0-9a-f]{4}(?::[0-9a-f]{4}){7})";
const PORT = "([0-9A-F]{4})";
/** The name of a protocol is `IP_` and its number where the kernel has none, a state `?` or `ERR!`. */
const LINE = new RegExp(
  `^([A-Z][A-Za-z0-9_]{0,11}) +${ADDRESS} ${PORT} ${ADDRESS} ${PORT} ${ADDRESS} ${PORT} ` +
    "([A-Z0-9_?!-]{1,31}) +(\\d{1,10})(?: ([\\w-]{1,15}) (.*))?$",
);
/** Longest data of a persistence engine (IP_VS_PEDATA_MAXLEN, linux/ip_vs.h). */
const ENGINE_DATA_MAX = 255;

/** Reads one line without its end; undefined when it is not one the kernel writes. */
export function parseConnection(line: string): Connection | undefined {
  const match = LINE.exec(line);
  if (match === null) return undefined;
  const [, protocol = "", client, clientPort, virtual, virtualPort, server, serverPort] = match;
  const addresses = [client, virtual, server].map((text) => addressOf(text!));
  const [clientIp, virtualIp, serverIp] = addresses;
  if (clientIp === undefined || virtualIp === undefined || serverIp === undefined) return undefined;
  return {
    protocol: protocol.toLowerCase(),
    client: clientIp,
    clientPort: Number.parseInt(clientPort!, 16),
    virtual: virtualIp,
    virtualPort: Number.parseInt(virtualPort!, 16),
    server: serverIp,
    serverPort: Number.parseInt(serverPort!, 16),
    state: match[8]!,
    expiresS: Number(match[9]),
    engine: match[10] ?? "",
    engineData: printable(match[11] ?? ""),
  };
}

/** IPv4 by hand: there are many lines, and the library takes ten times as long. */
function addressOf(text: string): Ip | undefined {
  if (text.includes(":")) return parseIp(text);
  const number = Number.parseInt(text, 16);
  return `${number >>> 24}.${(number >>> 16) & 255}.${(number >>> 8) & 255}.${number & 255}`;
}

/** Engine data is what a client sent (a Call-ID): nothing of it may reach a terminal but printable ASCII. */
function printable(text: string): string {
  return text.trimEnd().slice(0, ENGINE_DATA_MAX).replace(/[^\x20-\x7e]/g, "?");
}
