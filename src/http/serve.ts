/**
 * Opens the two places where a running agent answers: the Unix socket for orders, and the read-only TCP
 * endpoint.
 */
import { chmodSync, lstatSync, unlinkSync } from "node:fs";
import { type Endpoint, formatEndpoint, parseEndpoint } from "../core/address.ts";
import { callOf, type Home, SOCKET_PATH_BYTES_MAX } from "../core/home.ts";
import { Refusal, type RefusalText } from "../core/refusal.ts";
import { APPLY_BODY_BYTES_MAX } from "./admin_wire.ts";
import { requestGate } from "./request_gate.ts";

/** Answers one request: the `fetch` of a Hono app. */
export type Answerer = (request: Request) => Response | Promise<Response>;

/** An open endpoint. */
export interface Served {
  /** Where it listens, for people. */
  readonly at: string;
  /** Stops listening and cuts what is still open; a socket's file is removed. */
  close(): Promise<void>;
}

/** Owner alone: who can write to the socket commands the cluster. */
const SOCKET_UMASK = 0o177;
/** Longest silence on an admin connection, seconds: an order may take most of a minute. */
const ADMIN_IDLE_SECONDS = 120;
/** Longest silence on a public connection, seconds. */
const PUBLIC_IDLE_SECONDS = 10;
/** Nobody has to send a body to the read-only endpoint. */
const PUBLIC_BODY_BYTES_MAX = 1_024;
/** Longest wait for another agent's answer when its socket is there, ms. */
const PROBE_MS_MAX = 2_000;

/** Opens the Unix socket. Throws a {@link Refusal} when another agent answers there. */
export async function serveSocket(
  home: Home,
  answer: Answerer,
  { idleSeconds = ADMIN_IDLE_SECONDS }: { readonly idleSeconds?: number } = {},
): Promise<Served> {
  await removeStale(home);
  const before = process.umask(SOCKET_UMASK);
  try {
    // The types leave it out for Unix sockets; without it an order that takes more than 10 s is cut off.
    const idle: object = { idleTimeout: idleSeconds };
    const server = Bun.serve({
      unix: home.socket,
      fetch: answer,
      maxRequestBodySize: 2 * APPLY_BODY_BYTES_MAX,
      development: false,
      ...idle,
    });
    chmodSync(home.socket, 0o777 & ~SOCKET_UMASK);
    return { at: home.socket, close: () => server.stop(true) };
  } catch (error) {
    throw socketRefusal(home, error as NodeJS.ErrnoException);
  } finally {
    process.umask(before);
  }
}

/**
 * Throws a {@link Refusal} when an agent answers for this node, or something that is no socket is in its place. To be
 * asked before anything else is opened: the second agent would otherwise only learn that its ports are in use.
 */
export async function refuseSecondAgent(home: Home): Promise<void> {
  const attempted = `open ${home.socket}`;
  const stat = lstatSync(home.socket, { throwIfNoEntry: false });
  if (stat === undefined) return;
  if (!stat.isSocket()) {
    throw new Refusal({
      attempted,
      problem: "something that is no socket is in its place",
      remedy: "move it away",
    });
  }
  if (await answers(home.socket)) {
    throw new Refusal({
      attempted,
      problem: "another agent is running for this node",
      remedy: `stop it first, or see it with \`${callOf(home)} status\``,
    });
  }
}

/**
 * Removes a socket that a killed agent left. Two agents that start in the same millisecond could both see it stale;
 * the second then fails on the cluster's port.
 */
async function removeStale(home: Home): Promise<void> {
  await refuseSecondAgent(home);
  try {
    unlinkSync(home.socket);
  } catch (error) {
    const cause = error as NodeJS.ErrnoException;
    if (cause.code !== "ENOENT") throw socketRefusal(home, cause);
  }
}

/** Whether somebody listens on the socket. One who accepts and then says nothing counts: an agent that hangs still runs. */
async function answers(path: string): Promise<boolean> {
  try {
    await fetch("http://troop/", { unix: path, signal: AbortSignal.timeout(PROBE_MS_MAX) });
    return true;
  } catch (error) {
    return !["ECONNREFUSED", "ENOENT"].includes((error as { code?: string }).code ?? "");
  }
}

function socketRefusal(home: Home, cause: NodeJS.ErrnoException): Refusal {
  const attempted = `open ${home.socket}`;
  const texts: Record<string, Omit<RefusalText, "attempted">> = {
    ENAMETOOLONG: {
      problem: `the path is too long for a Unix socket (${SOCKET_PATH_BYTES_MAX} bytes, unix(7))`,
      remedy: "use a --home with a shorter path",
    },
    EACCES: { problem: "permission denied", remedy: "run as root, or use --home DIR" },
    ENOENT: { problem: "its folder is missing", remedy: "make the folder, or use --home DIR" },
  };
  const text = texts[cause.code ?? ""] ?? {
    problem: cause.message,
    remedy: "check the folder, or use --home DIR",
  };
  return new Refusal({ attempted, ...text }, { cause });
}

/**
 * Opens the read-only endpoint at `listen`: `IP:PORT`, or `off` for none (then the result is null). Throws a
 * {@link Refusal} that names the port and the option.
 */
export function servePublic(listen: string, answer: Answerer): Served | null {
  if (listen === "off") return null;
  const endpoint = parseEndpoint(listen);
  if (endpoint === undefined) {
    throw new Refusal({
      attempted: "open the HTTP endpoint",
      problem: `"${listen}" is not IP:PORT`,
      remedy: "set `http` in troop.yaml, for example to 127.0.0.1:6941, or to off",
      kind: "usage",
    });
  }
  try {
    const server = Bun.serve({
      hostname: endpoint.address,
      port: endpoint.port,
      // Outside development mode Bun shares the port silently with whoever has it (SO_REUSEPORT).
      reusePort: false,
      fetch: requestGate(answer),
      idleTimeout: PUBLIC_IDLE_SECONDS,
      maxRequestBodySize: PUBLIC_BODY_BYTES_MAX,
      development: false,
    });
    const at = formatEndpoint({ address: endpoint.address, port: server.port ?? endpoint.port });
    return { at, close: () => server.stop(true) };
  } catch (error) {
    throw publicRefusal(endpoint, error as NodeJS.ErrnoException);
  }
}

function publicRefusal(endpoint: Endpoint, cause: NodeJS.ErrnoException): Refusal {
  const attempted = `open the HTTP endpoint ${formatEndpoint(endpoint)}`;
  const remedy = "set `http` in troop.yaml to another IP:PORT, or to off";
  const problems: Record<string, string> = {
    EADDRINUSE: `port ${endpoint.port} is in use by another program`,
    EADDRNOTAVAIL: `this machine has no address ${endpoint.address}`,
    EACCES: `port ${endpoint.port} needs the privilege CAP_NET_BIND_SERVICE`,
  };
  return new Refusal({ attempted, problem: problems[cause.code ?? ""] ?? cause.message, remedy }, {
    cause,
  });
}
