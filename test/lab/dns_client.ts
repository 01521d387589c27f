/**
 * The lab's client of DNS over UDP, a program of its own because it runs in the client's network
 * namespace: one query every so many ms, each from a port of its own, whatever became of the earlier
 * ones. Prints one JSON line per query when its fate is known, as `load_client.ts` does. SIGTERM: no new
 * queries, waits for those under way, ends.
 */
import { createSocket } from "node:dgram";
import { argument, wallMs } from "./client_common.ts";
import { SERVER_NAME, txtAnswer, txtQuery } from "./dns_message.ts";
import type { RequestLine } from "./load_client.ts";

const ID_MASK = 0xffff;

const address = argument("address");
const port = Number(argument("port"));
const everyMs = Number(argument("every"));
const timeoutMs = Number(argument("timeout"));
let pending = 0;
let stopping = false;
let sent = 0;

function ask(): void {
  const id = sent & ID_MASK;
  const at = wallMs();
  const startedMs = performance.now();
  const socket = createSocket(address.includes(":") ? "udp6" : "udp4");
  let settled = false;
  const settle = (error: string | null, server: string | null): void => {
    if (settled) return;
    settled = true;
    clearTimeout(timer);
    socket.close();
    pending -= 1;
    const ms = Math.round((performance.now() - startedMs) * 10) / 10;
    const line: RequestLine = { at, ms, server, error };
    process.stdout.write(`${JSON.stringify(line)}\n`);
    if (stopping && pending === 0) process.exit(0);
  };
  const timer = setTimeout(() => settle("timeout", null), timeoutMs);
  pending += 1;
  // Connected: an ICMP error and a foreign answer are told apart from the answer.
  socket.on("error", (error) => {
    settle((error as { code?: string }).code === "ECONNREFUSED" ? "refused" : error.message, null);
  });
  socket.on("message", (message) => {
    const server = /Test Page of ([\w.-]+)/.exec(txtAnswer(id, message) ?? "")?.[1] ?? null;
    settle(server === null ? "garbled" : null, server);
  });
  socket.connect(port, address, () => socket.send(txtQuery(id, SERVER_NAME)));
}

process.on("SIGTERM", () => {
  stopping = true;
  if (pending === 0) process.exit(0);
});
const startedMs = performance.now();
setInterval(() => {
  // The schedule is absolute: a late timer sends what is due, so that the count of queries is honest.
  while (!stopping && startedMs + sent * everyMs <= performance.now()) {
    sent += 1;
    ask();
  }
}, Math.min(everyMs, 10));
