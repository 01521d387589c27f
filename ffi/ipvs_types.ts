/**
 * What the kernel's IPVS table holds, in full: every attribute the kernel has, in the kernel's terms.
 * Addresses are network-order bytes, 4 or 16 of them; the length tells the family.
 */
import type { IpVersion } from "./address_family.ts";

/** Identifies a virtual service: an endpoint, or a firewall mark with a family. */
export type IpvsServiceKey =
  | {
    readonly kind: "endpoint";
    /** See `transportProtocols`. */
    readonly protocol: number;
    readonly address: Uint8Array;
    readonly port: number;
  }
  | { readonly kind: "mark"; readonly version: IpVersion; readonly mark: number };

/** Settings of a virtual service. */
export interface IpvsServiceSettings {
  readonly scheduler: string;
  /** Bits of `serviceFlags`. */
  readonly flags: number;
  /** Persistence timeout, seconds. 0 without persistence. */
  readonly timeoutSeconds: number;
  /**
   * Granularity of persistence. IPv4: the netmask as a number, 0xffffffff for single clients; IPv6: a
   * prefix length, 128 for single clients. The kernel stores both in one field.
   */
  readonly netmask: number;
  /** Persistence engine (`sip`); empty for none. */
  readonly engine: string;
}

/** Totals since the row was made or zeroed, and what they grow by. */
export interface IpvsStatistics {
  readonly connections: number;
  readonly inPackets: number;
  readonly outPackets: number;
  readonly inBytes: number;
  readonly outBytes: number;
  readonly rates: IpvsRates;
}

/**
 * What goes through a row per second. The kernel estimates it every two seconds, as an average that forgets what
 * is older than some ten seconds (ip_vs_est.c); all 0 where `net.ipv4.vs.run_estimation` is 0.
 */
export interface IpvsRates {
  readonly connectionsPerS: number;
  readonly inPacketsPerS: number;
  readonly outPacketsPerS: number;
  readonly inBytesPerS: number;
  readonly outBytesPerS: number;
}

/** A virtual service as the kernel reports it. */
export interface IpvsService {
  readonly key: IpvsServiceKey;
  readonly settings: IpvsServiceSettings;
  readonly statistics: IpvsStatistics;
}

/** Identifies a real server within its service. Its family may differ from the service's if it is tunnelled. */
export interface IpvsDestinationKey {
  readonly address: Uint8Array;
  readonly port: number;
}

/** Settings of a real server. */
export interface IpvsDestinationSettings {
  /** See `forwardingMethods`. */
  readonly forwarding: number;
  readonly weight: number;
  /** Connections above which the server gets no new ones; 0 for no limit. */
  readonly upperThreshold: number;
  /** Connections below which it gets new ones again; 0 for three quarters of the upper threshold. */
  readonly lowerThreshold: number;
  /** See `tunnelTypes` and `tunnelFlags`; the port is GUE's UDP port. What is not tunnelled has zeros. */
  readonly tunnel: { readonly type: number; readonly port: number; readonly flags: number };
}

/** A real server as the kernel reports it. */
export interface IpvsDestination {
  readonly key: IpvsDestinationKey;
  readonly settings: IpvsDestinationSettings;
  readonly activeConnections: number;
  readonly inactiveConnections: number;
  readonly persistentConnections: number;
  readonly statistics: IpvsStatistics;
}

/** One change of the table. */
export type IpvsChange =
  | {
    readonly command: "newService" | "setService";
    readonly service: IpvsServiceKey;
    readonly settings: IpvsServiceSettings;
  }
  | { readonly command: "deleteService"; readonly service: IpvsServiceKey }
  | {
    readonly command: "newDestination" | "setDestination";
    readonly service: IpvsServiceKey;
    readonly destination: IpvsDestinationKey;
    readonly settings: IpvsDestinationSettings;
  }
  | {
    readonly command: "deleteDestination";
    readonly service: IpvsServiceKey;
    readonly destination: IpvsDestinationKey;
  };

/** A sync daemon (one master and one backup per network namespace). What is left out, the kernel fills in. */
export interface IpvsDaemon {
  readonly role: "master" | "backup";
  readonly interface: string;
  /** 0 to 255, which the kernel does not check; a backup with 0 listens to every master. */
  readonly syncId: number;
  /** Bytes of one sync datagram, at most 65,507; default is what the interface's MTU allows. The kernel gives a backup 1,024 at least. */
  readonly maxLength?: number;
  /** Multicast group; default 224.0.0.81. */
  readonly group?: Uint8Array;
  /** UDP port; default 8848. */
  readonly port?: number;
  /** Hops; default 1. */
  readonly ttl?: number;
}

/** Connection timeouts, seconds; 0 leaves one as it is. */
export interface IpvsTimeouts {
  readonly tcpSeconds: number;
  readonly tcpFinSeconds: number;
  readonly udpSeconds: number;
}
