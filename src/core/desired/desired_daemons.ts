/**
 * The sync daemons and connection timeouts this node wants of its kernel's IPVS.
 */
import { spreadHash } from "../spread_hash.ts";
import { perDocument } from "../document/per_document.ts";
import { isExternal } from "../service/server.ts";
import {
  settingNumber,
  settingText,
  SYNC_LENGTH_SHORT,
  syncGroupOf,
} from "../document/settings.ts";
import type { State } from "../state.ts";
import type { SyncDaemon, SyncDaemons, TableTimeouts } from "../table/table.ts";

/** The sync daemons this node wants: master while it holds a VIP, backup while another node may hold one. */
export function desiredDaemons(state: State): SyncDaemons {
  if (!state.self.director || state.vips.length === 0) return { master: null, backup: null };
  const daemon = daemonOf(state);
  const held = state.vips.filter((vip) => state.holds.get(vip)?.phase === "holding").length;
  return {
    master: held > 0 ? daemon : null,
    // The length is what a master sends; a backup takes all, and the kernel raises a small one to 1,024.
    backup: held < state.vips.length ? { ...daemon, maxLength: null } : null,
  };
}

/** A sync daemon of this cluster. */
export function daemonOf(state: State): SyncDaemon {
  const { settings } = state.document;
  return {
    interface: state.self.syncInterface,
    syncId: settingNumber(settings, "sync-id") ?? syncIdOf(state.self.cluster),
    group: syncGroupOf(settings),
    port: settingNumber(settings, "sync-port") ?? 0,
    ttl: settingNumber(settings, "sync-ttl") ?? 1,
    maxLength: maxLengthOf(state),
  };
}

/**
 * A handover lets connections to members end where they are; those to machines without an agent live on only
 * if the successor was told of them. A datagram with room for many waits two seconds to be full.
 */
function maxLengthOf(state: State): number | null {
  const { settings } = state.document;
  if (settingText(settings, "sync-max-length") !== "auto") {
    return settingNumber(settings, "sync-max-length");
  }
  return hasOutsiders(state) ? SYNC_LENGTH_SHORT : null;
}

const hasOutsiders = perDocument(({ document }) =>
  [...document.servers.values()].some((servers) => [...servers.values()].some(isExternal))
);

/** Whether a daemon that runs is the one that is wanted; where no length is wanted, whatever its length. */
export function isSameDaemon(present: SyncDaemon | null, wanted: SyncDaemon | null): boolean {
  if (present === null || wanted === null) return present === wanted;
  return present.interface === wanted.interface && present.syncId === wanted.syncId &&
    present.group === wanted.group && present.port === wanted.port && present.ttl === wanted.ttl &&
    (wanted.maxLength === null || present.maxLength === wanted.maxLength);
}

/**
 * Least length the kernel chooses itself for a master, bytes: what an MTU of 1,500 leaves beside the headers of IPv6 and
 * UDP. Smaller MTUs count as that one (start_sync_thread in ip_vs_sync.c).
 */
const KERNEL_LENGTH_MIN = 1_500 - 48;

/** Whether the kernel may have chosen the length of a daemon that runs. */
export function mayBeKernelLength({ maxLength }: SyncDaemon): boolean {
  return maxLength === null || maxLength >= KERNEL_LENGTH_MIN;
}

/** The sync id of a cluster, 1 to 255: it keeps two clusters on one LAN apart. 0 would accept everything. */
export function syncIdOf(cluster: string): number {
  return 1 + spreadHash(cluster) % 255;
}

/** The timeouts this node wants; 0 leaves one as it is. Null: none is set by operators. */
export function desiredTimeouts(state: State): TableTimeouts | null {
  if (!state.self.director) return null;
  const { settings } = state.document;
  const tcpS = settingNumber(settings, "tcp-timeout") ?? 0;
  const tcpFinS = settingNumber(settings, "tcpfin-timeout") ?? 0;
  const udpS = settingNumber(settings, "udp-timeout") ?? 0;
  return tcpS + tcpFinS + udpS === 0 ? null : { tcpS, tcpFinS, udpS };
}
