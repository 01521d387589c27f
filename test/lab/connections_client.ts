/**
 * The lab's client with long connections, a program of its own because it runs in the client's network
 * namespace: opens so many HTTP connections at once and sends a request on each of them every so many
 * ms, the next only after the answer to the last. Prints one JSON line when a connection is open, when
 * it dies, and, after SIGTERM, how each of them fared ({@link ConnectionLine}).
 */
import type { Socket } from "bun";
import { argument, inBrackets, wallMs } from "./client_common.ts";

/** News of one connection. */
export interface ConnectionLine {
  readonly event: "open" | "died" | "end";
  readonly connection: number;
  /** Name of the server that answers on it; empty before its first answer. */
  readonly server: string;
  readonly at: number;
  /** Answers so far. */
  readonly answers: number;
  /** Age of the last answer, ms. */
  readonly silentMs: number;
}

interface Connection {
  readonly number: number;
  socket: Socket<Connection> | null;
  server: string;
  answers: number;
  answeredMs: number;
  answer: string;
  waiting: boolean;
}

const address = argument("address");
const port = Number(argument("port"));
const count = Number(argument("count"));
const everyMs = Number(argument("every"));
const text = `GET /index.html HTTP/1.1\r\nHost: ${inBrackets(address)}\r\n\r\n`;
const connections: Connection[] = Array.from({ length: count }, (_, number) => ({
  number,
  socket: null,
  server: "",
  answers: 0,
  answeredMs: performance.now(),
  answer: "",
  waiting: false,
}));

function tell(event: ConnectionLine["event"], connection: Connection): void {
  const line: ConnectionLine = {
    event,
    connection: connection.number,
    server: connection.server,
    at: wallMs(),
    answers: connection.answers,
    silentMs: Math.round(performance.now() - connection.answeredMs),
  };
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

function ask(connection: Connection): void {
  if (connection.socket === null || connection.waiting) return;
  connection.waiting = true;
  connection.socket.write(text);
}

function receive(connection: Connection, chunk: Buffer): void {
  connection.answer += chunk.toString("latin1");
  if (!connection.answer.includes("</html>")) return;
  connection.server = /Test Page of ([\w.-]+)/.exec(connection.answer)?.[1] ?? "?";
  connection.answer = "";
  connection.waiting = false;
  connection.answers += 1;
  connection.answeredMs = performance.now();
  if (connection.answers === 1) tell("open", connection);
}

function die(connection: Connection): void {
  if (connection.socket === null) return;
  connection.socket = null;
  tell("died", connection);
}

function open(connection: Connection): Promise<unknown> {
  return Bun.connect<Connection>({
    hostname: address,
    port,
    data: connection,
    socket: {
      open(socket) {
        connection.socket = socket;
        ask(connection);
      },
      data(_socket, chunk) {
        receive(connection, chunk);
      },
      close() {
        die(connection);
      },
      error() {
        die(connection);
      },
    },
  });
}

process.on("SIGTERM", () => {
  for (const connection of connections) if (connection.socket !== null) tell("end", connection);
  process.exit(0);
});
await Promise.all(connections.map(open));
let next = 0;
setInterval(() => {
  // Each connection has its turn once per period: a burst would measure the queue.
  const connection = connections[next];
  next = (next + 1) % count;
  if (connection !== undefined) ask(connection);
}, everyMs / count);
