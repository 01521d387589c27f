/**
 * The command line's side of the admin API: asks the running agent over its Unix socket.
 */
import { z } from "zod";
import { callOf, type Home, SOCKET_PATH_BYTES_MAX } from "../core/home.ts";
import { type EventQuery, eventSchema, type TroopEvent } from "../core/event.ts";
import type { ConnectionListing } from "../core/table/connection.ts";
import { type Snapshot, snapshotSchema } from "../core/document/document_wire.ts";
import { formatServerRef } from "../core/document/order.ts";
import { Refusal } from "../core/refusal.ts";
import { formatServiceName, nameOf } from "../core/service/service.ts";
import { type Status, statusSchema } from "../core/status/status.ts";
import type { ObservedService } from "../core/table/table.ts";
import type { ApplyAnswer, HistoryView } from "../core/document/document_orders.ts";
import type { Operations } from "../ports.ts";
import { readLines } from "./event_stream.ts";
import {
  ADMIN_PREFIX,
  applyAnswerSchema,
  connectionListingSchema,
  doneSchema,
  historySchema,
  refusedSchema,
  tableSchema,
  undoAnswerSchema,
  USER_HEADER,
} from "./admin_wire.ts";

/** Longest wait for an answer, ms: a move or a leave hands over with pauses of some seconds. */
const ANSWER_MS_MAX = 60_000;

/** A running agent as the command line sees it. Every call rejects with a {@link Refusal}. */
export interface AdminClient
  extends Omit<Operations, "status" | "counters" | "document" | "history" | "by"> {
  status(): Promise<Status>;
  document(): Promise<Snapshot>;
  history(): Promise<readonly HistoryView[]>;
}

/** Sends an order and returns the line that answers it. */
type Order = (attempted: string, path: string, body: unknown) => Promise<string>;

/** The client of the agent of this home. Nothing is contacted before the first call. */
export function adminClient(home: Home, user = ""): AdminClient {
  const ask = (attempted: string, path: string, body?: unknown) =>
    request(home, { attempted, path, user, ...(body === undefined ? {} : { body }) });
  // As it came: a newer agent may tell more than this program knows, and --json hands it on.
  const known = <Schema extends z.ZodType>(attempted: string, schema: Schema, raw: unknown) => {
    read(home, { attempted, schema, raw });
    return raw;
  };
  const order: Order = async (attempted, path, body) =>
    read(home, { attempted, schema: doneSchema, raw: await ask(attempted, path, body) }).message;
  return {
    status: async () => known("status", statusSchema, await ask("status", "/status")) as Status,
    table: async () => {
      const attempted = "read the table";
      const raw = known(attempted, tableSchema, await ask(attempted, "/table"));
      return (raw as { readonly rows: ObservedService[] }).rows;
    },
    events: (query) => askEvents(home, query),
    connections: async (filter) => {
      const attempted = "list connections";
      const raw = await ask(attempted, "/connections", filter);
      return known(attempted, connectionListingSchema, raw) as ConnectionListing;
    },
    ...serviceOrders(order),
    ...serverOrders(order),
    ...vipOrders(order),
    drain: (server, drain) =>
      order(`drain ${formatServerRef(server)}`, "/drains", {
        server,
        order: { ...drain, service: drain.service === null ? null : nameOf(drain.service) },
      }),
    undrain: (server, service) =>
      order(`undrain ${formatServerRef(server)}`, "/drains/end", {
        server,
        service: service === null ? null : nameOf(service),
      }),
    setSetting: (name, value) =>
      order(value === null ? `reset ${name}` : `set ${name} to ${value}`, "/settings", {
        name,
        value,
      }),
    ...documentOrders(home, user),
    forget: (node) => order(`forget ${node}`, "/nodes/forget", { node }),
    rotateToken: (rotation) => order("rotate the token", "/token/rotate", rotation),
    abortRotation: () => order("abort the rotation", "/token/abort", {}),
    finishRotation: () => order("finish the rotation", "/token/finish", {}),
    leave: () => order("leave", "/leave", {}),
  };
}

function documentOrders(
  home: Home,
  user: string,
): Pick<AdminClient, "document" | "apply" | "history" | "undo"> {
  return {
    document: async () => {
      const attempted = "read the cluster document";
      const raw = await request(home, { attempted, path: "/document", user });
      return read(home, { attempted, schema: snapshotSchema, raw });
    },
    apply: async ({ edits, ...head }) => {
      const attempted = "apply the file";
      const lines = [head, ...edits].map((line) => `${JSON.stringify(line)}\n`).join("");
      const raw = await request(home, { attempted, path: "/document/apply", lines, user });
      return read(home, { attempted, schema: applyAnswerSchema, raw }) as ApplyAnswer;
    },
    history: async () => {
      const attempted = "read the history";
      const raw = await request(home, { attempted, path: "/history", user });
      return read(home, { attempted, schema: historySchema, raw }).edits;
    },
    undo: async (body) => {
      const attempted = body.id === null ? "undo" : `undo ${body.id}`;
      const raw = await request(home, { attempted, path: "/undo", body, user });
      return read(home, { attempted, schema: undoAnswerSchema, raw });
    },
  };
}

function serviceOrders(
  order: Order,
): Pick<AdminClient, "addService" | "setService" | "removeService"> {
  return {
    addService: (service) =>
      order(`add service ${formatServiceName(service)}`, "/services", { service }),
    setService: (name, change) =>
      order(`change service ${formatServiceName(name)}`, "/services/set", {
        service: nameOf(name),
        change,
      }),
    removeService: (name) =>
      order(`remove service ${formatServiceName(name)}`, "/services/remove", {
        service: nameOf(name),
      }),
  };
}

function serverOrders(order: Order): Pick<AdminClient, "addServer" | "setServer" | "removeServer"> {
  return {
    addServer: (name, server, settings) =>
      order(`add server ${formatServerRef(server)} to ${formatServiceName(name)}`, "/servers", {
        service: nameOf(name),
        server,
        settings,
      }),
    setServer: (name, server, settings) =>
      order(
        `change server ${formatServerRef(server)} of ${formatServiceName(name)}`,
        "/servers/set",
        { service: nameOf(name), server, settings },
      ),
    removeServer: (name, server, now) =>
      order(
        `remove server ${formatServerRef(server)} from ${formatServiceName(name)}`,
        "/servers/remove",
        { service: nameOf(name), server, now },
      ),
  };
}

function vipOrders(
  order: Order,
): Pick<AdminClient, "addVip" | "setVip" | "removeVip" | "moveVip"> {
  return {
    addVip: (vip, settings) => order(`add VIP ${vip}`, "/vips", { vip, settings }),
    setVip: (vip, settings) => order(`change VIP ${vip}`, "/vips/set", { vip, settings }),
    removeVip: (vip) => order(`remove VIP ${vip}`, "/vips/remove", { vip }),
    moveVip: (vip, node) => order(`move VIP ${vip} to ${node}`, "/vips/move", { vip, node }),
  };
}

function refuseLongPath(home: Home, attempted: string): void {
  // Bun says ENOENT for a path the kernel would not even look at.
  if (Buffer.byteLength(home.socket) > SOCKET_PATH_BYTES_MAX) {
    throw new Refusal({
      attempted,
      problem: `the path ${home.socket} is too long for a Unix socket`,
      remedy: "use a --home with a shorter path",
    });
  }
}

interface Question {
  readonly attempted: string;
  readonly path: string;
  /** Who asks; empty: nobody knows. */
  readonly user: string;
  /** Present for orders, absent for questions. */
  readonly body?: unknown;
  /** The body of a long order: lines of JSON. */
  readonly lines?: string;
}

async function request(
  home: Home,
  { attempted, path, user, body, lines }: Question,
): Promise<unknown> {
  refuseLongPath(home, attempted);
  let response: Response;
  let raw: unknown;
  try {
    response = await contact(home, path, {
      signal: AbortSignal.timeout(ANSWER_MS_MAX),
      ...(body === undefined ? {} : posted("json", user, JSON.stringify(body))),
      ...(lines === undefined ? {} : posted("x-ndjson", user, lines)),
    });
    raw = await response.json();
  } catch (error) {
    throw unreachable(home, attempted, error as Error & { code?: string });
  }
  if (response.ok) return raw;
  throw refusalOf(home, { attempted, response, raw });
}

function posted(type: string, user: string, body: string): RequestInit {
  const headers = {
    "content-type": `application/${type}`,
    // What else a name may have has no place in a header.
    [USER_HEADER]: user.replace(/[^\x21-\x7e]/g, ""),
  };
  return { method: "POST", headers, body };
}

function contact(home: Home, path: string, init: RequestInit): Promise<Response> {
  return fetch(`http://troop${ADMIN_PREFIX}${path}`, { ...init, unix: home.socket });
}

function refusalOf(
  home: Home,
  { attempted, response, raw }: { attempted: string; response: Response; raw: unknown },
): Refusal {
  const { error } = read(home, { attempted, schema: refusedSchema, raw });
  // 409 is the agent's own refusal, in the words of what was asked; others are about the request as such.
  return new Refusal(response.status === 409 ? error : { ...error, attempted });
}

/** Events as they come. The agent sends an empty line now and then, so one that hangs is found. */
async function* askEvents(home: Home, query: EventQuery): AsyncGenerator<TroopEvent> {
  const attempted = "read events";
  refuseLongPath(home, attempted);
  const { limit, sinceMs, follow } = query;
  const words = new URLSearchParams({
    ...(limit === null ? {} : { limit: String(limit) }),
    ...(sinceMs === null ? {} : { since: String(sinceMs) }),
    ...(follow ? { follow: "true" } : {}),
  });
  try {
    const response = await contact(home, `/events?${words}`, {});
    if (!response.ok) throw refusalOf(home, { attempted, response, raw: await response.json() });
    if (response.body === null) return;
    for await (const raw of readLines(response.body)) {
      read(home, { attempted, schema: eventSchema, raw });
      yield raw as TroopEvent;
    }
  } catch (error) {
    if (error instanceof Refusal) throw error;
    throw unreachable(home, attempted, error as Error & { code?: string });
  }
}

function read<Schema extends z.ZodType>(
  home: Home,
  { attempted, schema, raw }: { attempted: string; schema: Schema; raw: unknown },
): z.infer<Schema> {
  const parsed = schema.safeParse(raw);
  if (parsed.success) return parsed.data;
  throw new Refusal({
    attempted,
    problem: `the agent at ${home.socket} answers in a way this version does not know`,
    remedy: "restart the agent with this version of troop",
  }, { cause: parsed.error });
}

/** Why the socket gave no answer (connect(2) and unix(7) name the codes). */
function unreachable(home: Home, attempted: string, cause: Error & { code?: string }): Refusal {
  const { socket } = home;
  const explained = explain(home, cause);
  return new Refusal({
    attempted,
    problem: explained.problem.replaceAll("SOCKET", socket),
    remedy: explained.remedy,
  }, { cause });
}

function explain(
  home: Home,
  cause: Error & { code?: string },
): { problem: string; remedy: string } {
  if (cause.name === "TimeoutError") {
    return {
      problem: `the agent at SOCKET gave no answer within ${ANSWER_MS_MAX / 1_000} s`,
      remedy: "look at its log; if it hangs, restart it",
    };
  }
  switch (cause.code) {
    case "ENOENT":
    case "ENOTDIR":
    case "ECONNREFUSED":
      return {
        problem: "no agent answers at SOCKET",
        remedy: `start it with \`${callOf(home)} run\``,
      };
    case "EACCES":
    case "EPERM":
      return {
        problem: "permission denied for SOCKET",
        remedy: "run as root, or as the agent's user",
      };
    default:
      return {
        problem: `the agent at SOCKET ended or broke off: ${cause.message}`,
        remedy: "look at its log, and start it again if it is gone",
      };
  }
}
