/**
 * The client of the lab, a program of its own because it runs in the client's network namespace: one
 * HTTP request every so many ms, each on a new connection, whatever became of the earlier ones. Prints
 * one JSON line per request when its fate is known ({@link RequestLine}). SIGTERM: no new requests,
 * waits for those under way, ends.
 *
 * Sockets of `Bun.connect` instead of `fetch`: a request costs a third of the CPU, and the guest has one CPU.
 */
import type { Socket } from "bun";
import { argument, inBrackets, wallMs } from "./client_common.ts";

/** The fate of one request. */
export interface RequestLine {
  /** When it was sent, wall clock, ms since 1970 with fraction. */
  readonly at: number;
  /** How long until the answer was complete, or until it was given up, ms. */
  readonly ms: number;
  /** Name of the server that answered; null when nobody did. */
  readonly server: string | null;
  /** Why it failed: `timeout`, `refused`, `reset`, `garbled`; null when it did not. */
  readonly error: string | null;
}

interface Request {
  readonly at: number;
  readonly startedMs: number;
  answer: string;
  socket: Socket<Request> | null;
  settled: boolean;
  overdue: boolean;
}

const address = argument("address");
const port = Number(argument("port"));
const everyMs = Number(argument("every"));
const timeoutMs = Number(argument("timeout"));
const text = `GET /index.html HTTP/1.1\r\nHost: ${
  inBrackets(address)
}\r\nConnection: close\r\n\r\n`;
const pending = new Set<Request>();
let stopping = false;

function settle(request: Request, error: string | null, server: string | null): void {
  if (request.settled) return;
  request.settled = true;
  pending.delete(request);
  const line: RequestLine = {
    at: request.at,
    ms: Math.round((performance.now() - request.startedMs) * 10) / 10,
    server,
    error,
  };
  process.stdout.write(`${JSON.stringify(line)}\n`);
  if (stopping && pending.size === 0) process.exit(0);
}

function settleByAnswer(request: Request): void {
  const server = /Test Page of ([\w.-]+)/.exec(request.answer)?.[1] ?? null;
  // The sorry page is a 503 with a page that names it; no web server of the lab answers so.
  const complete = /^HTTP\/1\.1 (200|503) /.test(request.answer) &&
    request.answer.includes("</html>");
  if (request.answer === "") settle(request, "reset", null);
  else if (complete && server !== null) settle(request, null, server);
  else settle(request, "garbled", null);
}

function send(): void {
  const request: Request = {
    at: wallMs(),
    startedMs: performance.now(),
    answer: "",
    socket: null,
    settled: false,
    overdue: false,
  };
  pending.add(request);
  Bun.connect<Request>({
    hostname: address,
    port,
    data: request,
    socket: {
      open(socket) {
        request.socket = socket;
        if (request.settled) socket.terminate();
        else socket.write(text);
      },
      data(_socket, chunk) {
        request.answer += chunk.toString("latin1");
      },
      close() {
        settleByAnswer(request);
      },
      error() {
        settle(request, "reset", null);
      },
      connectError(_socket, error) {
        const code = (error as { code?: string }).code ?? error.message;
        settle(request, code === "ECONNREFUSED" ? "refused" : code.toLowerCase(), null);
      },
    },
  }).catch(() => {
    // connectError has told it already.
  });
}

function giveUpOverdue(): void {
  const now = performance.now();
  for (const request of pending) {
    // Insertion order is age order: the first that still has time ends the sweep.
    if (now - request.startedMs < timeoutMs) break;
    // If this program was starved, the answer may lie in the socket: it is looked at before the next sweep.
    if (!request.overdue) {
      request.overdue = true;
      continue;
    }
    settle(request, "timeout", null);
    request.socket?.terminate();
  }
}

function stop(): void {
  stopping = true;
  if (pending.size === 0) process.exit(0);
}

process.on("SIGTERM", stop);
const startedMs = performance.now();
let sent = 0;
setInterval(() => {
  giveUpOverdue();
  // The schedule is absolute: a late timer sends what is due, so that the count of requests is honest.
  while (!stopping && startedMs + sent * everyMs <= performance.now()) {
    sent += 1;
    send();
  }
}, Math.min(everyMs, 10));
