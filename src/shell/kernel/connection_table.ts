/**
 * The {@link Connections} port over /proc/net/ip_vs_conn: netlink does not tell of connections.
 *
 * The kernel hands out a page at a time, and walks its table from the beginning for each: a large table takes long,
 * whoever reads it. So it is read by a thread of the runtime, one listing at a time; the event loop only takes apart
 * some fifty lines before others have a turn.
 */
import { open } from "node:fs/promises";
import { KernelRequestError } from "../../../ffi/mod.ts";
import type {
  Connection,
  ConnectionFilter,
  ConnectionListing,
} from "../../core/table/connection.ts";
import type { EndpointName } from "../../core/service/service_name.ts";
import type { Connections } from "../../ports.ts";
import { HEADING, parseConnection } from "./connection_line.ts";
import { createPause, createTurns } from "../process/pause.ts";

const FILE = "/proc/net/ip_vs_conn";
/** Bytes asked for at a time: the kernel gives a page, 4 KiB on most machines, whole lines only. */
const PIECE_BYTES = 16_384;
/** Longest line that is waited for: two IPv6 addresses, engine data, and room. A longer one is no line of the kernel. */
const LINE_CHARACTERS_MAX = 1_024;

/** What a listing needs of the world. */
export interface ConnectionTools {
  /** The file in pieces of any size. */
  readonly pieces: () => AsyncIterable<Uint8Array>;
  /** Monotonic ms. */
  readonly now: () => number;
}

/** The kernel's file, or one like it. */
export function connectionFile(path: string = FILE): ConnectionTools {
  return { pieces: () => readPieces(path), now: () => performance.now() };
}

/** Opens the port. A kernel without IPVS is told by each listing, which names the module to load. */
export function createConnectionTable(tools: ConnectionTools = connectionFile()): Connections {
  const turns = createTurns();
  return {
    async list(filter) {
      const matches = matcher(filter);
      return await turns(() => scan(tools, { matches, limit: filter.limit }));
    },
  };
}

/** Counts the lines, and keeps the first ones that match. */
async function scan(
  { pieces, now }: ConnectionTools,
  { matches, limit }: {
    readonly matches: (connection: Connection) => boolean;
    readonly limit: number;
  },
): Promise<ConnectionListing> {
  const pause = createPause(now);
  const connections: Connection[] = [];
  let matched = 0;
  let total = 0;
  for await (const lines of linesOf(pieces())) {
    for (const line of lines) {
      if (line === "" || line.startsWith(HEADING)) continue;
      total++;
      const connection = parseConnection(line);
      // A line of a kernel that writes otherwise is counted, and shown by nobody.
      if (connection === undefined || !matches(connection)) continue;
      matched++;
      if (connections.length < limit) connections.push(connection);
    }
    await pause();
  }
  return { connections, matched, total };
}

/** Lines without their ends, as many at a time as are in a piece. */
async function* linesOf(pieces: AsyncIterable<Uint8Array>): AsyncGenerator<string[]> {
  // One character per byte: engine data is not text of any encoding, and no character lies in two pieces.
  const decoder = new TextDecoder("latin1");
  let rest = "";
  for await (const piece of pieces) {
    const lines = (rest + decoder.decode(piece)).split("\n");
    rest = lines.pop()!.slice(0, LINE_CHARACTERS_MAX);
    yield lines;
  }
  yield [rest];
}

async function* readPieces(path: string): AsyncGenerator<Uint8Array> {
  const file = await openTable(path);
  try {
    const buffer = new Uint8Array(PIECE_BYTES);
    while (true) {
      const { bytesRead } = await file.read(buffer, 0, PIECE_BYTES, null);
      if (bytesRead === 0) return;
      yield buffer.subarray(0, bytesRead);
    }
  } finally {
    await file.close();
  }
}

async function openTable(path: string) {
  try {
    return await open(path, "r");
  } catch (error) {
    const { code = "EIO" } = error as NodeJS.ErrnoException;
    const request = { operation: "list connections", code };
    if (code !== "ENOENT") throw new KernelRequestError(request, { cause: error });
    const detail = "kernel has no IPVS: load it with `modprobe ip_vs`";
    throw new KernelRequestError({ ...request, detail }, { cause: error });
  }
}

function matcher(filter: ConnectionFilter): (connection: Connection) => boolean {
  const { service, marked, server, serverPort } = filter;
  const ofService = service === undefined ? () => true : serviceMatcher(service);
  const ofMark = marked === undefined ? () => true : markMatcher(marked);
  return (connection) =>
    ofService(connection) && ofMark(connection) &&
    (server === undefined || connection.server === server) &&
    (serverPort === undefined || connection.serverPort === serverPort);
}

/**
 * Port 0 takes every port of its VIP that no other service has, and the kernel does not write which service a
 * connection came by: all of them match.
 */
function serviceMatcher(service: EndpointName): (connection: Connection) => boolean {
  const { address, port, protocol } = service;
  return (connection) =>
    connection.virtual === address && connection.protocol === protocol &&
    (port === 0 || connection.virtualPort === port);
}

/** By VIP and port; a persistence template has the mark itself as its virtual address (ip_vs_sched_persist). */
function markMatcher(
  { mark, vips, ports }: NonNullable<ConnectionFilter["marked"]>,
): (connection: Connection) => boolean {
  const template = [24, 16, 8, 0].map((shift) => (mark >>> shift) & 0xff).join(".");
  return ({ protocol, virtual, virtualPort }) =>
    (protocol === "ip" && virtual === template) ||
    (vips.includes(virtual) && (ports.length === 0 || ports.some((range) =>
      range.protocol === protocol && range.first <= virtualPort && virtualPort <= range.last
    )));
}
