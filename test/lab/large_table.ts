/**
 * A large table: what of it everybody agrees on, and how it is written for each subject.
 *
 * All its services are ports of the one VIP, so that a takeover concerns every row, and its real servers are
 * addresses where nobody answers: none is checked, and none is ever connected to.
 */
import { type Check, NO_CHECK } from "../../src/core/check.ts";
import type { Edit } from "../../src/core/document/document.ts";
import { serverEntrySchema } from "../../src/core/service/server.ts";
import { serviceKey, serviceSchema } from "../../src/core/service/service.ts";
import type { TableOperation, TableService } from "../../src/core/table/table.ts";
import type { Host } from "./host.ts";
import { VIP } from "./scenario.ts";
import { waitFor } from "./wait.ts";

/** Virtual services of the large table. */
export const SERVICES = 1_000;
/** Real servers of each. */
export const SERVERS_PER_SERVICE = 10;
/** Port of the first service: the one that clients ask is below. */
const FIRST_PORT = 10_000;
const SCHEDULER = "wlc";
/** Rows of the service that clients ask, beside the large table: itself and both real servers. */
export const ASKED_ROWS = 3;
/** Time for both of its real servers to be up, ms. */
const SERVERS_LIMIT_MS = 30_000;
/** Time for the whole table to be in the kernel, ms, and how often it is looked at. */
const ROWS_LIMIT_MS = 120_000;
const ROWS_LOOK_MS = 2_000;

/** A service of the large table: its port on the VIP, and the addresses of its real servers. */
export interface LargeTableRow {
  readonly port: number;
  readonly servers: readonly string[];
  /** What troop asks of them; default: nothing. */
  readonly check?: Check;
}

/** The large table, or one with fewer services: no two of them share a real server. */
export function largeTable(services: number = SERVICES): LargeTableRow[] {
  return Array.from({ length: services }, (_, service) => ({
    port: FIRST_PORT + service,
    servers: Array.from({ length: SERVERS_PER_SERVICE }, (_, server) => {
      const number = service * SERVERS_PER_SERVICE + server;
      return `10.99.${number >> 8}.${number & 0xff}`;
    }),
  }));
}

/** How many rows of the kernel's table these are, services and real servers. */
export function countRows(rows: readonly LargeTableRow[]): number {
  return rows.reduce((sum, { servers }) => sum + 1 + servers.length, 0);
}

/**
 * Waits until a machine's table has so many rows, services and real servers. Asked by netlink, though that takes
 * long: /proc/net/ip_vs leaves rows out as soon as two network namespaces have some, because it looks for the place
 * where it went on by counting the rows of one namespace, and counted those of all (linux 6.1, ip_vs_info_seq_next).
 */
export async function awaitRows(host: Host, count: number): Promise<void> {
  await waitFor(async () => {
    const rows = (await host.run("ipvsadm", "-Sn")).trim().split("\n").length;
    if (rows === count) return true;
    throw new Error(`${rows} rows`);
  }, {
    what: `the table of ${host.name} has ${count} rows`,
    limitMs: ROWS_LIMIT_MS,
    everyMs: ROWS_LOOK_MS,
  });
}

/** Waits until a machine's table has both real servers of the service that clients ask, and neither is out of service. */
export async function awaitFullTable(host: Host): Promise<void> {
  await waitFor(async () => {
    const rows = (await host.run("ipvsadm", "-Ln", "-t", `${VIP}:80`)).split("\n");
    // `  -> 192.168.6.4:80  Route  1  0  0`: address, forwarding method, weight, connections.
    return rows.filter((row) => /^ +-> \d\S+ +\w+ +[1-9]/.test(row)).length === 2;
  }, { what: `the table of ${host.name} has both real servers`, limitMs: SERVERS_LIMIT_MS });
}

/** The table as `ipvsadm -R` reads it. */
export function asIpvsadmFile(rows: readonly LargeTableRow[]): string {
  return rows.map(({ port, servers }) => {
    const lines = servers.map((server) => `-a -t ${VIP}:${port} -r ${server}:${port} -g -w 1\n`);
    return `-A -t ${VIP}:${port} -s ${SCHEDULER}\n${lines.join("")}`;
  }).join("");
}

/** Another weight than 1 for one real server. */
export interface LargeTableWeight {
  readonly server: string;
  readonly weight: number;
}

/** The table as keepalived's configuration has it. A real server without a checker is up (keepalived.conf(5)). */
export function asKeepalivedConfig(
  rows: readonly LargeTableRow[],
  changed?: LargeTableWeight,
): string {
  return rows.map(({ port, servers }) => {
    const blocks = servers.map((server) => {
      const weight = changed?.server === server ? changed.weight : 1;
      return `    real_server ${server} ${port} {\n        weight ${weight}\n    }\n`;
    });
    return `virtual_server ${VIP} ${port} {\n    lb_algo ${SCHEDULER}\n    lb_kind DR\n` +
      `    protocol TCP\n${blocks.join("")}}\n`;
  }).join("");
}

/** The table as operations of troop's port to the kernel. */
export function asOperations(rows: readonly LargeTableRow[]): TableOperation[] {
  return rows.flatMap(({ port, servers }): TableOperation[] => {
    const service: TableService = {
      address: VIP,
      port,
      protocol: "tcp",
      scheduler: SCHEDULER,
      flags: [],
      onePacket: false,
      persistence: null,
      servers: [],
    };
    return [
      { kind: "addService", service },
      ...servers.map((address): TableOperation => ({
        kind: "addServer",
        service,
        server: {
          address,
          port,
          weight: 1,
          forwarding: "dr",
          tunnel: null,
          upper: 0,
          lower: 0,
        },
      })),
    ];
  });
}

/** The table as edits of troop's cluster document. */
export function asEdits(rows: readonly LargeTableRow[]): Edit[] {
  return rows.flatMap(({ port, servers, check = NO_CHECK }): Edit[] => {
    const service = serviceSchema.parse({
      address: VIP,
      port,
      protocol: "tcp",
      scheduler: SCHEDULER,
      forwarding: "dr",
      members: false,
      check,
    });
    return [
      { kind: "putService", service },
      ...servers.map((address): Edit => ({
        kind: "putServer",
        server: serverEntrySchema.parse({
          service: serviceKey(service),
          target: { address, port },
        }),
      })),
    ];
  });
}
