/**
 * Sync daemons between the terms of decisions and those of the kernel.
 */
import { type Ipvs, type IpvsDaemon, KernelRequestError } from "../../../ffi/mod.ts";
import { ipFromBytes, ipToBytes } from "../../core/address.ts";
import type { SyncDaemon, SyncDaemons } from "../../core/table/table.ts";
import { explainDaemon } from "./table_errors.ts";

type Role = IpvsDaemon["role"];

/** What a daemon has whose kernel says nothing of it (before linux 4.3, when it could not be chosen; ip_vs_sync.c). */
const FIXED = { group: "224.0.0.81", port: 8_848, ttl: 1 } as const;

/** The daemons that run, with the length the kernel chose. */
export function runningDaemons(ipvs: Pick<Ipvs, "daemons">): SyncDaemons {
  const running = ipvs.daemons();
  const of = (role: Role) => {
    const daemon = running.find((candidate) => candidate.role === role);
    return daemon === undefined ? null : syncDaemonOf(daemon);
  };
  return { master: of("master"), backup: of("backup") };
}

function syncDaemonOf(daemon: Required<IpvsDaemon>): SyncDaemon {
  const { interface: name, syncId, group, port, ttl, maxLength } = daemon;
  return {
    interface: name,
    syncId,
    group: group.length === 0 ? FIXED.group : ipFromBytes(group),
    port: port || FIXED.port,
    ttl: ttl || FIXED.ttl,
    maxLength: maxLength || null,
  };
}

/** Starts a daemon. A length of null, and a port or hops of 0, are left to the kernel. */
export function startDaemon(
  ipvs: Pick<Ipvs, "startDaemon">,
  role: Role,
  daemon: SyncDaemon,
): void {
  const { interface: name, syncId, port, ttl, maxLength } = daemon;
  const settings: IpvsDaemon = {
    role,
    interface: name,
    syncId,
    group: ipToBytes(daemon.group),
    ...(port === 0 ? {} : { port }),
    ...(ttl === 0 ? {} : { ttl }),
    ...(maxLength === null ? {} : { maxLength }),
  };
  explainDaemon(daemon, () => ipvs.startDaemon(settings));
}

/** Stopping what does not run is done. The kernel says ESRCH (stop_sync_thread in ip_vs_sync.c). */
export function stopDaemon(ipvs: Pick<Ipvs, "stopDaemon">, role: Role): void {
  try {
    ipvs.stopDaemon(role);
  } catch (error) {
    if (!(error instanceof KernelRequestError) || error.code !== "ESRCH") throw error;
  }
}
