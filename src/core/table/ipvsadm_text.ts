/**
 * The table as ipvsadm 1.31 prints it: what people and scripts that know LVS read. `ipvsadm -R` reads {@link saveText}.
 *
 * Order and columns are ipvsadm's to the character, its oddities included: it orders by a difference of 32 bits that
 * wraps round, so 192.0.2.1 comes before 10.0.0.1; an IPv4 endpoint is cut at its column, an IPv6 one is not; `-S`
 * knows no thresholds. Two things are printed as they are where ipvsadm hides them: a mark of 2^31 or more, which it
 * prints as a negative number and then cannot read, and the third flag of `sh` and `mh`, which it leaves out.
 */
import { formatEndpoint, type Ip, ipToBytes } from "../address.ts";
import type { Tunnel } from "../service/forwarding.ts";
import { formatSchedulerFlag } from "../service/scheduling.ts";
import { serviceFamily } from "../service/service_name.ts";
import type { ObservedServer, ObservedService, Traffic } from "./table.ts";

/** What a listing shows of each row: servers with their weights, totals, or rates. */
export type ListingKind = "servers" | "stats" | "rate";

/** Widths of the columns: a service's name, a server's, and a number. */
const SERVICE_WIDTH = 33;
const SERVER_WIDTH = 28;
const NUMBER_WIDTH = 9;
/** IP protocol numbers (IANA registry), by which ipvsadm orders; it has 6 for a mark, as the kernel. */
const protocolNumbers = { tcp: 6, udp: 17, sctp: 132, fwm: 6 } as const;
const protocolSwitches = { tcp: "-t", udp: "-u", sctp: "--sctp-service" } as const;
const forwardingSwitches = { dr: "-g", nat: "-m", tunnel: "-i", local: "-g", bypass: "(null)" };
const forwardingNames = {
  dr: "Route",
  nat: "Masq",
  tunnel: "Tunnel",
  local: "Local",
  bypass: "(null)",
};
const checksumSwitches = { none: "--tun-nocsum", csum: "--tun-csum", remcsum: "--tun-remcsum" };

/** The table as `ipvsadm -Sn` prints it; empty for an empty table. */
export function saveText(rows: readonly ObservedService[]): string {
  return rows.toSorted(compareServices).flatMap(saveLines).map((line) => `${line}\n`).join("");
}

/** The table as `ipvsadm -Ln`, `-Ln --stats` or `-Ln --rate` prints it, without the line with the kernel's version. */
export function listingText(
  rows: readonly ObservedService[],
  kind: ListingKind = "servers",
): string {
  const lines = rows.toSorted(compareServices).flatMap((row) => [
    serviceLine(row, kind),
    ...row.servers.toSorted(compareServers).map((server) => serverLine(server, kind)),
  ]);
  return [...headings(kind), ...lines].map((line) => `${line}\n`).join("");
}

function saveLines(row: ObservedService): string[] {
  const name = saveName(row);
  const { persistence, onePacket } = row;
  const words = [`-A ${name} -s ${row.scheduler}`];
  if (persistence !== null) {
    words.push(`-p ${persistence.timeoutS}`);
    const mask = netmaskText(row);
    if (mask !== null) words.push(`-M ${mask}`);
    if (persistence.engine !== null) words.push(`--pe ${persistence.engine}`);
  }
  if (onePacket) words.push("-o");
  if (row.flags.length > 0) words.push(`-b ${flagsText(row)}`);
  const servers = row.servers.toSorted(compareServers).map((server) =>
    `-a ${name} -r ${formatEndpoint(server)} ${forwardingSwitches[server.forwarding]} ` +
    `-w ${server.weight}${tunnelWords(server)}`
  );
  return [words.join(" "), ...servers];
}

function saveName(row: ObservedService): string {
  if (row.protocol === "fwm") return `-f ${row.mark}${row.family === 6 ? " -6" : ""}`;
  return `${protocolSwitches[row.protocol]} ${formatEndpoint(row)}`;
}

function tunnelWords({ tunnel }: ObservedServer): string {
  return tunnel === null ? "" : ` --tun-type ${tunnel.kind}${tunnelOptions(tunnel)}`;
}

function tunnelOptions({ kind, port, checksum }: Tunnel): string {
  if (kind === "ipip") return "";
  const place = kind === "gue" ? ` --tun-port ${port}` : "";
  return `${place} ${checksumSwitches[checksum]}`;
}

function flagsText({ scheduler, flags }: ObservedService): string {
  return flags.map((flag) => formatSchedulerFlag(scheduler, flag)).join(",");
}

/** The granularity of persistence; null for single clients, which is not spelled out. */
function netmaskText(row: ObservedService): string | null {
  const bits = row.persistence?.prefixLength ?? null;
  if (serviceFamily(row) === 6) return bits === null || bits === 128 ? null : String(bits);
  if (bits === null || bits === 32) return null;
  return [24, 16, 8, 0].map((shift) => {
    const ones = Math.min(8, Math.max(0, bits - (24 - shift)));
    return 256 - 2 ** (8 - ones);
  }).join(".");
}

const SERVER_HEADING = "  -> RemoteAddress:Port";

function headings(kind: ListingKind): string[] {
  const first = "Prot LocalAddress:Port";
  if (kind === "servers") {
    return [
      `${first} Scheduler Flags`,
      `${SERVER_HEADING}           Forward Weight ActiveConn InActConn`,
    ];
  }
  const columns = kind === "stats"
    ? ["Conns", "InPkts", "OutPkts", "InBytes", "OutBytes"]
    : ["CPS", "InPPS", "OutPPS", "InBPS", "OutBPS"];
  const words = columns.map((word) => word.padStart(NUMBER_WIDTH - 1)).join(" ");
  return [`${first.padEnd(SERVICE_WIDTH)} ${words}`, SERVER_HEADING];
}

function serviceLine(row: ObservedService, kind: ListingKind): string {
  if (kind !== "servers") {
    return listedName(row).padEnd(SERVICE_WIDTH) + numbersText(row.traffic, kind);
  }
  const { persistence } = row;
  const words = [listedName(row), row.scheduler];
  if (row.flags.length > 0) words.push(`(${flagsText(row)})`);
  if (persistence !== null) {
    words.push(`persistent ${persistence.timeoutS}`);
    const mask = netmaskText(row);
    if (mask !== null) words.push(`mask ${mask}`);
    if (persistence.engine !== null) words.push(`pe ${persistence.engine}`);
  }
  if (row.onePacket) words.push("ops");
  return words.join(" ");
}

function listedName(row: ObservedService): string {
  if (row.protocol === "fwm") return `FWM  ${row.mark}${row.family === 6 ? " IPv6" : ""}`;
  const name = `${row.protocol.toUpperCase().padEnd(4)} ${formatEndpoint(row)}`;
  return serviceFamily(row) === 6 ? name : name.slice(0, SERVICE_WIDTH);
}

function serverLine(server: ObservedServer, kind: ListingKind): string {
  const { counters } = server;
  const name = formatEndpoint(server);
  const start = `  -> ${
    (name.startsWith("[") ? name : name.slice(0, SERVER_WIDTH)).padEnd(SERVER_WIDTH)
  }`;
  if (kind !== "servers") return start + numbersText(counters, kind);
  return [
    start,
    forwardingNames[server.forwarding].padEnd(7),
    String(server.weight).padEnd(6),
    String(counters.activeConnections).padEnd(10),
    String(counters.inactiveConnections).padEnd(10),
  ].join(" ");
}

function numbersText(traffic: Traffic, kind: "stats" | "rate"): string {
  const { rates } = traffic;
  const numbers = kind === "stats"
    ? [
      traffic.connections,
      traffic.inPackets,
      traffic.outPackets,
      traffic.inBytes,
      traffic.outBytes,
    ]
    : [
      rates.connectionsPerS,
      rates.inPacketsPerS,
      rates.outPacketsPerS,
      rates.inBytesPerS,
      rates.outBytesPerS,
    ];
  return numbers.map(numberText).join("");
}

/** Numbers ipvsadm shortens: from the first on, so many digits are left out and the letter stands for them. */
const shortened = [
  { from: 1e14, letter: "T", divisor: 1e12 },
  { from: 1e11, letter: "G", divisor: 1e9 },
  { from: 1e9, letter: "M", divisor: 1e6 },
  { from: 1e8, letter: "K", divisor: 1e3 },
] as const;

function numberText(number: number): string {
  const unit = shortened.find(({ from }) => number >= from);
  if (unit === undefined) return String(number).padStart(NUMBER_WIDTH);
  return `${Math.floor(number / unit.divisor)}${unit.letter}`.padStart(NUMBER_WIDTH);
}

function compareServices(a: ObservedService, b: ObservedService): number {
  const marks = (a.protocol === "fwm" ? a.mark : 0) - (b.protocol === "fwm" ? b.mark : 0);
  if (marks !== 0) return marks | 0;
  const families = serviceFamily(a) - serviceFamily(b);
  if (families !== 0) return families;
  const numbers = protocolNumbers[a.protocol] - protocolNumbers[b.protocol];
  if (numbers !== 0 || a.protocol === "fwm" || b.protocol === "fwm") return numbers;
  return compareAddresses(a.address, b.address) || a.port - b.port;
}

function compareServers(a: ObservedServer, b: ObservedServer): number {
  return compareAddresses(a.address, b.address) || a.port - b.port;
}

/** The first word in which they differ decides, by the sign of a difference of 32 bits. */
function compareAddresses(a: Ip, b: Ip): number {
  if (a === b) return 0;
  const [first, second] = [addressWords(a), addressWords(b)];
  for (let index = 0; index < first.length; index++) {
    const difference = (first[index]! - (second[index] ?? 0)) | 0;
    if (difference !== 0) return difference;
  }
  return 0;
}

function addressWords(ip: Ip): number[] {
  const bytes = ipToBytes(ip);
  const view = new DataView(bytes.buffer);
  return Array.from({ length: bytes.length / 4 }, (_, index) => view.getUint32(index * 4));
}
