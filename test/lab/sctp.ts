/**
 * SCTP in the lab: ncat from Debian as a real server that answers every line with its machine's name,
 * and as client with connections that live. One stream per connection (RFC 9260, one-to-one style).
 */
import type { Host } from "./host.ts";
import type { LabProcess } from "./process.ts";
import { waitFor } from "./wait.ts";

const START_LIMIT_MS = 10_000;
const OPEN_LIMIT_MS = 15_000;
/** Time between two questions on a connection, s. */
const EVERY_S = 0.3;
/** A connection whose last answer is older than this does not go on, ms. */
const SILENT_LIMIT_MS = 3_000;

/**
 * Starts a server on one address and port of a machine. One address: an association offers all that its
 * socket is bound to, and the client would use another than the VIP.
 */
export async function startSctpServer(
  host: Host,
  address: string,
  port: number,
): Promise<LabProcess> {
  const answer = `while read -r line; do echo "Test Page of ${host.name}"; done`;
  const family = address.includes(":") ? "-6" : "-4";
  const server = host.start([
    ...["ncat", family, "--sctp", "--listen", "--keep-open", "--sh-exec", answer],
    ...[address, String(port)],
  ], { label: "sctp-server" });
  await waitFor(async () => (await host.run("ss", "-Hln", "--sctp")).includes(`:${port} `), {
    what: `ncat on ${host.name} listens for SCTP`,
    limitMs: START_LIMIT_MS,
  });
  return server;
}

/** One SCTP connection that is kept busy. */
export class SctpConnection {
  /** Name of the server; empty before its first answer. */
  server = "";
  #answeredMs = Number.NEGATIVE_INFINITY;
  #process: LabProcess | null = null;

  /** Connects; resolves with the first answer. */
  static async start(host: Host, address: string, port: number): Promise<SctpConnection> {
    const connection = new SctpConnection();
    const ask = `while echo name; do sleep ${EVERY_S}; done | ncat --sctp ${address} ${port}`;
    connection.#process = host.start(["bash", "-c", ask], {
      label: "sctp",
      onLine: (line) => connection.#read(line),
    });
    await waitFor(() => connection.server !== "", {
      what: `an SCTP connection to ${address} has an answer`,
      limitMs: OPEN_LIMIT_MS,
    });
    return connection;
  }

  #read(line: string): void {
    const server = /Test Page of ([\w.-]+)/.exec(line)?.[1] ?? "?";
    // The same association never changes its server: another name would be another connection.
    if (this.server !== "" && this.server !== server) {
      throw new Error(`read SCTP: ${server} answers on a connection to ${this.server}`);
    }
    this.server = server;
    this.#answeredMs = performance.now();
  }

  /** Whether it had an answer just now. */
  get alive(): boolean {
    return performance.now() - this.#answeredMs <= SILENT_LIMIT_MS;
  }

  async end(): Promise<void> {
    await this.#process?.end("SIGKILL");
  }
}
