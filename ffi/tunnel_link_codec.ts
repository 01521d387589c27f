/**
 * Tunnel devices as rtnetlink messages (linux/if_link.h, linux/if_tunnel.h): devices made without peers, which take
 * packets from everybody.
 *
 * A request without IFLA_INFO_DATA gives every kind its defaults: any local and any remote address, and for `ip6tnl`
 * any protocol inside. Such a device and the fallback device of the kind's module are the same thing: the kernel
 * has one of them in a network namespace (EEXIST).
 */
import { readI32, readU32 } from "./bytes.ts";
import { AttributeReader, type AttributeWriter } from "./netlink_attribute.ts";
import { LINK_HEADER_BYTES } from "./rtnetlink_codec.ts";

/** Kinds of tunnel devices; the kernel loads the module that has the alias `rtnl-link-KIND`. */
export type TunnelKind = "ipip" | "sit" | "ip6tnl" | "gre" | "ip6gre";

/** IFLA_*: attributes of a link. */
const linkAttributes = { name: 3, linkInfo: 18 } as const;
/** IFLA_INFO_*: inside of IFLA_LINKINFO. */
const infoAttributes = { kind: 1, data: 2 } as const;
/** IFLA_IPTUN_PROTO, inside of IFLA_INFO_DATA of `ip6tnl`; other kinds have other meanings for the number. */
const TUNNEL_PROTOCOL = 9;
const IFF_UP = 0x1;

/** A device by name, as far as tunnels are concerned. */
export interface TunnelLink {
  readonly index: number;
  /** Administratively up. */
  readonly up: boolean;
  /** `ipip`; empty for an interface that is not virtual. */
  readonly kind: string;
  /** For kind `ip6tnl`, the only protocol it takes from inside of packets, or 0 for any (IPPROTO_*); else null. */
  readonly protocol: number | null;
}

/** Appends the payload of RTM_NEWLINK that makes a tunnel device without peers. */
export function writeNewTunnel(
  writer: AttributeWriter,
  { name, kind }: { readonly name: string; readonly kind: TunnelKind },
): void {
  writer.structure(new Uint8Array(LINK_HEADER_BYTES)).text(linkAttributes.name, name);
  const start = writer.open(linkAttributes.linkInfo);
  writer.text(infoAttributes.kind, kind).close(start);
}

/** Appends the payload of RTM_NEWLINK that sets an interface up or down. */
export function writeLinkUp(
  writer: AttributeWriter,
  { index, up }: { readonly index: number; readonly up: boolean },
): void {
  writer.word(0).word(index).word(up ? IFF_UP : 0).word(IFF_UP);
}

/** Appends the payload of RTM_DELLINK. */
export function writeDeleteLink(writer: AttributeWriter, index: number): void {
  writer.word(0).word(index).word(0).word(0);
}

/** Reads RTM_NEWLINK; undefined when it is cut. */
export function decodeTunnelLink(payload: Uint8Array): TunnelLink | undefined {
  if (payload.length < LINK_HEADER_BYTES) return undefined;
  const found = new AttributeReader().read(payload, LINK_HEADER_BYTES);
  const info = new AttributeReader().readNested(found, linkAttributes.linkInfo);
  const kind = info.text(infoAttributes.kind);
  const data = new AttributeReader().readNested(info, infoAttributes.data);
  return {
    index: readI32(payload, 4),
    up: (readU32(payload, 8) & IFF_UP) !== 0,
    kind,
    protocol: kind === "ip6tnl" ? data.u8(TUNNEL_PROTOCOL) : null,
  };
}
