/**
 * The kernel's IPVS connections as plain data.
 */
import type { Ip } from "../address.ts";
import type { PortRange } from "../service/service.ts";
import type { EndpointName, ServiceName } from "../service/service_name.ts";

/** Most connections of one answer: some 25 MB of JSON. Counting goes on beyond it. */
export const CONNECTIONS_LISTED_MAX = 100_000;

/** One connection, or a persistence template (client port 0). */
export interface Connection {
  readonly protocol: string;
  readonly client: Ip;
  readonly clientPort: number;
  readonly virtual: Ip;
  readonly virtualPort: number;
  readonly server: Ip;
  readonly serverPort: number;
  /** State as the kernel names it: `ESTABLISHED`. */
  readonly state: string;
  /** Time until it is forgotten, s. */
  readonly expiresS: number;
  /** Persistence engine and its data; empty for none. */
  readonly engine: string;
  readonly engineData: string;
}

/** Which connections are asked for; what is left out is no condition. */
export interface ConnectionFilter {
  readonly service?: EndpointName;
  /** Those a mark service can have: the kernel does not write by which mark a connection came. No ports: every port. */
  readonly marked?: {
    readonly mark: number;
    readonly vips: readonly Ip[];
    readonly ports: readonly PortRange[];
  };
  readonly server?: Ip;
  readonly serverPort?: number;
  /** At most so many are returned; counting goes on. */
  readonly limit: number;
}

/** What operators ask for: the service may be any. */
export interface ConnectionQuery extends Pick<ConnectionFilter, "server" | "serverPort" | "limit"> {
  readonly service?: ServiceName;
}

/** The answer. */
export interface ConnectionListing {
  readonly connections: readonly Connection[];
  /** How many matched. */
  readonly matched: number;
  /** How many the kernel has. */
  readonly total: number;
}
