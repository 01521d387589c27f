/**
 * Which way the packets of a virtual service went, judged by who put each frame on the public network:
 * requests through the director and wrapped as the forwarding method says, replies past it or through it.
 */
import type { Host } from "./host.ts";
import type { WirePacket, Wrapping } from "./wire.ts";

const PROTOCOL_TCP = 6;

/** What a forwarding method promises. */
export interface PathPromise {
  readonly vip: string;
  readonly director: Host;
  readonly servers: readonly Host[];
  /** How forwarded packets are wrapped; null when they leave by another network (NAT between two). */
  readonly forwarded: Wrapping | null;
  /** Who sends what the client receives. */
  readonly replies: "servers" | "director";
}

/**
 * Compares TCP packets captured on the switch's public network with the promise; returns what is wrong,
 * in words, and nothing when all is as promised. Both ways must have been seen.
 */
export function wrongPaths(packets: readonly WirePacket[], promise: PathPromise): string[] {
  const { vip, director, servers, forwarded, replies } = promise;
  const tcp = packets.filter(({ inner }) => inner.protocol === PROTOCOL_TCP);
  const towards = tcp.filter(({ inner }) => inner.target === vip);
  const back = tcp.filter(({ inner }) => inner.source === vip);
  const directorMac = director.macOn("public");
  const serverMacs = servers.map((server) => server.macOn("public"));
  const entering = towards.filter(({ sourceMac }) => sourceMac !== directorMac);
  const onward = towards.filter(({ sourceMac }) => sourceMac === directorMac);
  const senders = replies === "director" ? [directorMac] : serverMacs;
  return [
    ...(entering.length === 0 ? ["no packet to the VIP was seen"] : []),
    ...(back.length === 0 ? ["no reply from the VIP was seen"] : []),
    ...entering.filter(({ targetMac, wrapping }) =>
      targetMac !== directorMac || wrapping !== "none"
    ).map((packet) => `not to the director: ${show(packet)}`),
    ...(forwarded !== null && onward.length === 0 ? ["the director forwarded nothing"] : []),
    ...onward.filter(({ targetMac, wrapping }) =>
      wrapping !== forwarded || !serverMacs.includes(targetMac)
    ).map((packet) => `forwarded otherwise: ${show(packet)}`),
    ...back.filter(({ sourceMac, wrapping }) => !senders.includes(sourceMac) || wrapping !== "none")
      .map((packet) => `replied otherwise: ${show(packet)}`),
  ];
}

function show({ sourceMac, targetMac, wrapping, outer, inner }: WirePacket): string {
  const headers = [`${inner.source}:${inner.sourcePort} to ${inner.target}:${inner.targetPort}`];
  if (wrapping !== "none") headers.push(`in ${wrapping} ${outer.source} to ${outer.target}`);
  return `${sourceMac} to ${targetMac}: ${headers.join(" ")}`;
}
