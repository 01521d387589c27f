/**
 * Long connections from the client: opened at once, kept busy, counted at the end.
 */
import { join } from "node:path";
import type { ConnectionLine } from "./connections_client.ts";
import type { Host } from "./host.ts";
import type { LabProcess } from "./process.ts";
import { waitFor } from "./wait.ts";

const OPEN_LIMIT_MS = 20_000;
const EVERY_MS = 100;
/** A connection whose last answer is older than this at the end does not go on, ms: its TCP has backed off far. */
const SILENT_LIMIT_MS = 3_000;

/** Fate of the connections of one server. */
export interface ConnectionCount {
  readonly opened: number;
  /** Open at the end, with a recent answer. */
  readonly alive: number;
}

/** What is connected to, and how often each connection is used. */
export interface ConnectionsOptions {
  /** Of either family. */
  readonly address: string;
  /** Default 80. */
  readonly port?: number;
  readonly count: number;
  readonly everyMs?: number;
}

/** Open connections at work. */
export class Connections {
  readonly lines: ConnectionLine[] = [];
  #process: LabProcess | null = null;

  /** Opens `count` connections; resolves when each has its first answer. */
  static async start(host: Host, options: ConnectionsOptions): Promise<Connections> {
    const connections = new Connections();
    const program = join(import.meta.dir, "connections_client.ts");
    connections.#process = host.start([
      process.execPath,
      program,
      ...["--address", options.address, "--port", String(options.port ?? 80)],
      ...["--count", String(options.count), "--every", String(options.everyMs ?? EVERY_MS)],
    ], {
      label: "connections",
      onLine: (line) => connections.lines.push(JSON.parse(line) as ConnectionLine),
    });
    await waitFor(
      () => connections.lines.filter((line) => line.event === "open").length === options.count,
      { what: `${options.count} connections are open`, limitMs: OPEN_LIMIT_MS },
    );
    return connections;
  }

  /** Ends the client; returns how many connections to each server were opened, and how many go on. */
  async stop(): Promise<Map<string, ConnectionCount>> {
    if (this.#process === null) throw new Error("stop connections: they were never started");
    const status = await this.#process.end("SIGTERM");
    if (status !== 0) {
      throw new Error(`stop connections: the client failed:\n${this.#process.tail(20)}`);
    }
    const alive = this.lines.filter((line) =>
      line.event === "end" && line.silentMs <= SILENT_LIMIT_MS
    );
    const opened = this.lines.filter((line) => line.event === "open");
    const servers = [...new Set(opened.map((line) => line.server))].toSorted();
    return new Map(servers.map((server) => [server, {
      opened: opened.filter((line) => line.server === server).length,
      alive: alive.filter((line) => line.server === server).length,
    }]));
  }
}
