/**
 * The limits of what a cluster may hold, each with its reason. They bound memory, messages and work,
 * so that a mistaken operator or a buggy peer cannot exhaust a node.
 */

/** Nodes in one cluster: troop is built for two to a few dozen; this leaves room to grow and bounds every per-peer table. */
export const NODES_MAX = 256;
/** Virtual services in one cluster: above the largest table the benches load. */
export const SERVICES_MAX = 4_096;
/** VIPs one pulse can claim: keeps a pulse in one unfragmented datagram (1,280 bytes, RFC 8200 section 5). */
export const PULSE_CLAIMS_MAX = 56;
/** VIPs in one cluster: after enough faults one node holds them all, and its pulse has to say so. */
export const VIPS_MAX = PULSE_CLAIMS_MAX;
/** Addresses one node may have for pulses: public and private path, twice over. */
export const NODE_PATHS_MAX = 4;
/** Addresses a node asks whether it has its public network: two routers, each with both families. */
export const WITNESSES_MAX = 4;
/** Longest node, cluster and interface names. Interfaces: IFNAMSIZ is 16 with the closing zero (linux/if.h). */
export const NAME_LENGTH_MAX = 63;
/** See {@link NAME_LENGTH_MAX}. */
export const INTERFACE_LENGTH_MAX = 15;
/** Longest reason text that travels between nodes. */
export const REASON_LENGTH_MAX = 300;
/** Longest value of a setting: a line of text for a sorry page, or the path of a file. */
export const SETTING_LENGTH_MAX = 256;
/** Highest epoch of a claim: 31 bits in a pulse; a claim a second for 68 years. */
export const EPOCH_MAX = 0x7fff_ffff;
/** Highest boot number of a node: ms since 1970 until the year 10889, and room for a start a second for ever after. */
export const BOOT_MAX = 2 ** 48;
/** Largest weight IPVS takes (tools/ipvsadm and keepalived agree on 16 bits; include/uapi/linux/ip_vs.h has a plain int). */
export const WEIGHT_MAX = 65_535;
/** Servers entered by hand in one cluster: above the largest table the benches load. */
export const SERVERS_MAX = 16_384;
/** Drains in one cluster, those that were lifted within a day included: every server of a large cluster, and then some. */
export const DRAINS_MAX = 4_096;
/** Drains of which a node tells the open connections: it bounds its record, which goes out every second. */
export const TOLD_DRAINS_MAX = 256;
/** Longest key of a service: `sctp/[IPv6]:65535`, with room. */
export const SERVICE_KEY_LENGTH_MAX = 64;
