/**
 * When a port is really closed. A child that was just started has its parent's sockets until the kernel is through with
 * its execve(2), and the parent goes on before that (vfork(2); begin_new_exec in fs/exec.c closes them last): until then
 * what the parent has closed still takes connections and datagrams.
 */
import { readFileSync } from "node:fs";
import { eventually } from "../support/eventually.ts";

/** State of a listening socket, as these tables write it (TCP_LISTEN in net/tcp_states.h). */
const LISTENING = "0A";

/** Resolves when no socket on a port takes anything any more. Rejects when one goes on. */
export function portClosed(protocol: "tcp" | "udp", port: number): Promise<void> {
  return eventually(`nobody has ${protocol} port ${port} open`, () => !isOpen(protocol, port));
}

/** Looks into the kernel's table of IPv4 sockets (proc(5), /proc/net/tcp and udp): `sl local_address rem_address st …`. */
function isOpen(protocol: "tcp" | "udp", port: number): boolean {
  const rows = readFileSync(`/proc/net/${protocol}`, "utf8").trim().split("\n").slice(1);
  return rows.some((row) => {
    const [, local = "", , state] = row.trim().split(/\s+/);
    const isThis = Number.parseInt(local.split(":")[1] ?? "", 16) === port;
    return isThis && (protocol === "udp" || state === LISTENING);
  });
}
