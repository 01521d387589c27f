/**
 * Numbers of the IPVS generic netlink family, from linux/ip_vs.h.
 */

/** IPVS_GENL_NAME and IPVS_GENL_VERSION. */
export const IPVS_FAMILY_NAME = "IPVS";
/** See {@link IPVS_FAMILY_NAME}. */
export const IPVS_FAMILY_VERSION = 1;

/** IPVS_CMD_*. */
export const ipvsCommands = {
  newService: 1,
  setService: 2,
  deleteService: 3,
  getService: 4,
  newDestination: 5,
  setDestination: 6,
  deleteDestination: 7,
  getDestination: 8,
  newDaemon: 9,
  deleteDaemon: 10,
  getDaemon: 11,
  setConfig: 12,
  getConfig: 13,
  getInfo: 15,
} as const;

/** IPVS_CMD_ATTR_*: the first level. */
export const commandAttributes = {
  service: 1,
  destination: 2,
  daemon: 3,
  timeoutTcp: 4,
  timeoutTcpFin: 5,
  timeoutUdp: 6,
} as const;

/** IPVS_SVC_ATTR_*. */
export const serviceAttributes = {
  family: 1,
  protocol: 2,
  address: 3,
  port: 4,
  firewallMark: 5,
  scheduler: 6,
  flags: 7,
  timeout: 8,
  netmask: 9,
  statistics: 10,
  engine: 11,
  statistics64: 12,
} as const;

/** IPVS_DEST_ATTR_*. */
export const destinationAttributes = {
  address: 1,
  port: 2,
  forwarding: 3,
  weight: 4,
  upperThreshold: 5,
  lowerThreshold: 6,
  activeConnections: 7,
  inactiveConnections: 8,
  persistentConnections: 9,
  statistics: 10,
  family: 11,
  statistics64: 12,
  tunnelType: 13,
  tunnelPort: 14,
  tunnelFlags: 15,
} as const;

/** IPVS_DAEMON_ATTR_*. */
export const daemonAttributes = {
  state: 1,
  interface: 2,
  syncId: 3,
  maxLength: 4,
  group: 5,
  group6: 6,
  port: 7,
  ttl: 8,
} as const;

/** IPVS_STATS_ATTR_*: totals, then rates. */
export const statisticsAttributes = {
  connections: 1,
  inPackets: 2,
  outPackets: 3,
  inBytes: 4,
  outBytes: 5,
  connectionRate: 6,
  inPacketRate: 7,
  outPacketRate: 8,
  inByteRate: 9,
  outByteRate: 10,
} as const;

/** IPVS_INFO_ATTR_*. */
export const infoAttributes = { version: 1, connectionTableSize: 2 } as const;

/** Flags of a virtual service (IP_VS_SVC_F_*). */
export const serviceFlags = {
  persistent: 0x1,
  /** Set by the kernel on every row in its table; not a setting. */
  hashed: 0x2,
  onePacket: 0x4,
  scheduler1: 0x8,
  scheduler2: 0x10,
  scheduler3: 0x20,
} as const;

/** Forwarding methods (IP_VS_CONN_F_*, masked with IP_VS_CONN_F_FWD_MASK). */
export const forwardingMethods = {
  masquerade: 0,
  localNode: 1,
  tunnel: 2,
  directRoute: 3,
  bypass: 4,
} as const;

/** Tunnel types (IP_VS_CONN_F_TUNNEL_TYPE_*). */
export const tunnelTypes = { ipip: 0, gue: 1, gre: 2 } as const;

/**
 * How GUE and GRE packets to a real server are checksummed (IP_VS_TUNNEL_ENCAP_FLAG_*); IPIP has no checksum.
 * `remoteChecksum` leaves the inner checksum to the receiver (GUE only).
 */
export const tunnelFlags = { noChecksum: 0, checksum: 1, remoteChecksum: 2 } as const;

/** Roles of the sync daemon (IP_VS_STATE_*). */
export const daemonRoles = { master: 1, backup: 2 } as const;

/** Transport protocols by number (RFC 5237 registry). */
export const transportProtocols = { tcp: 6, udp: 17, sctp: 132 } as const;
