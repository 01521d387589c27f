/**
 * The kernel switches this node wants (Documentation/networking/ip-sysctl.rst and ipvs-sysctl.rst), each with
 * its reason: people read them in `troop doctor`.
 */
import { type Family, ipFamily } from "../address.ts";
import { isActive } from "./desired.ts";
import { serverEntries } from "../document/document.ts";
import { perDocument } from "../document/per_document.ts";
import { tunnelEnds } from "./receiving.ts";
import { hashSchedulers } from "../service/scheduling.ts";
import { memberPort, type Service, serviceFamily, serviceKey } from "../service/service.ts";
import { settingText } from "../document/settings.ts";
import type { State } from "../state.ts";

/** Passes packets by IPVS while a backup daemon runs (ip_vs_in() in ip_vs_core.c). */
export const BYPASS_SWITCH = "net.ipv4.vs.backup_only";

/** A kernel switch this node wants. */
export interface DesiredSwitch {
  readonly name: string;
  readonly value: string;
  /** A higher number that somebody else set is fine too. */
  readonly atLeast: boolean;
  /** Only changed where it has this value now; left out: whatever it is. */
  readonly from?: string;
  readonly why: string;
}

/** Port on which the kernel's FTP helper looks for data connections to rewrite (ip_vs_ftp.c, default of `ports`). */
const FTP_PORT = 21;

/** Switches this node wants, in the order in which they must be set: a VIP may be on `lo` only after ARP for it is silenced. */
export function desiredSwitches(state: State): DesiredSwitch[] {
  return [...lanSwitches(state), ...tunnelSwitches(state), ...directorSwitches(state)];
}

function lanSwitches(state: State): DesiredSwitch[] {
  return lanInterfaces(state).flatMap((name) => [
    {
      name: `${folder(4, name)}.arp_ignore`,
      value: "1",
      atLeast: true,
      why: "answer ARP only for addresses of the interface asked on, not for a VIP on lo",
    },
    {
      name: `${folder(4, name)}.arp_announce`,
      value: "2",
      atLeast: true,
      why: "never name a VIP of another interface as sender in ARP",
    },
  ]);
}

/**
 * The effective rp_filter is the higher of the device's and conf.all's. A tunnelled packet comes by the tunnel while its
 * client is reached by the LAN, which a strict filter (1) drops; 2 is loose, and higher than strict.
 */
function tunnelSwitches(state: State): DesiredSwitch[] {
  return tunnelEnds(state).devices.filter((device) =>
    !device.startsWith("ip6") && device !== "sit0"
  )
    .map((device) => ({
      name: `${folder(4, device)}.rp_filter`,
      value: "2",
      atLeast: true,
      why: "clients of tunnelled packets are reached by another interface than the tunnel",
    }));
}

/** In a dotted switch name a dot inside an interface name is written as a slash (sysctl(8)). */
function folder(family: Family, interfaceName: string): string {
  return `net.ipv${family}.conf.${interfaceName.replaceAll(".", "/")}`;
}

function lanInterfaces(state: State, family: Family = 4): string[] {
  const names = new Set<string>();
  for (const vip of state.vips) {
    const placement = state.placements.get(vip);
    if (ipFamily(vip) === family && placement !== undefined && placement.interface !== null) {
      names.add(placement.interface);
    }
  }
  return [...names].sort();
}

function directorSwitches(state: State): DesiredSwitch[] {
  if (!state.self.director || state.vips.length === 0) return [];
  const exact = (name: string, value: string, why: string): DesiredSwitch => ({
    name,
    value,
    atLeast: false,
    why,
  });
  const { settings } = state.document;
  const flag = (name: "expire-nodest-conn" | "expire-quiescent-template") =>
    settingText(settings, name) === "on" ? "1" : "0";
  return [
    exact(
      BYPASS_SWITCH,
      isActive(state) ? "0" : "1",
      "a node that holds no VIP passes every packet untouched, or two tables would send it in circles",
    ),
    // With direct routing a finished connection stays in FIN_WAIT here for two minutes. With 1, the default, a
    // client that uses the same port again would be sent to the server it had before, alive or not; bit 2
    // schedules it anew (is_new_conn_expected in ip_vs_core.c).
    exact(
      "net.ipv4.vs.conn_reuse_mode",
      settingText(settings, "conn-reuse-mode"),
      "a client that uses a port again is scheduled anew, not sent to its old server",
    ),
    // With a refresh period and a sync period of 0 a connection is sent when it is established and again
    // every ten seconds while it lives, so a node that comes back learns of it (ip_vs_sync_conn_needed).
    exact(
      "net.ipv4.vs.sync_threshold",
      "1\t0",
      "tell of a connection with its first packet, and then by time, not by packets",
    ),
    exact(
      "net.ipv4.vs.sync_refresh_period",
      settingText(settings, "sync-refresh-period"),
      "seconds after which live connections are told again: a node that comes back learns of them",
    ),
    exact(
      "net.ipv4.vs.expire_nodest_conn",
      flag("expire-nodest-conn"),
      "connections to a removed server end at once instead of vanishing in silence",
    ),
    exact(
      "net.ipv4.vs.expire_quiescent_template",
      flag("expire-quiescent-template"),
      "persistent clients of a drained server move on",
    ),
    exact(
      "net.ipv4.vs.sloppy_tcp",
      sloppy(state),
      "with a scheduler that hashes, every node finds the same server for a connection it never saw begin",
    ),
    ...natSwitches(state),
  ];
}

function sloppy(state: State): string {
  const text = settingText(state.document.settings, "sloppy-tcp");
  if (text !== "auto") return text === "on" ? "1" : "0";
  return hashesClients(state) ? "1" : "0";
}

const hashesClients = perDocument(({ document }) =>
  [...document.services.values()].some(({ scheduler }) => hashSchedulers.has(scheduler))
);

/** Replies of NAT servers come back through this node, which has to route them, and rewrites them on their way. */
function natSwitches(state: State): DesiredSwitch[] {
  const services = natServices(state);
  const families = new Set(services.map(serviceFamily));
  const wanted: DesiredSwitch[] = [];
  const why = "replies of NAT servers pass this node on their way to the client";
  if (families.has(4)) {
    wanted.push({ name: "net.ipv4.ip_forward", value: "1", atLeast: true, why });
    const silent = "a redirect would tell NAT servers to go around this node";
    for (const name of ["all", ...lanInterfaces(state)]) {
      wanted.push({
        name: `${folder(4, name)}.send_redirects`,
        value: "0",
        atLeast: false,
        why: silent,
      });
    }
  }
  if (families.has(6)) {
    // First: a machine that forwards ignores router advertisements, and would lose its default route.
    for (const name of lanInterfaces(state, 6)) {
      wanted.push({
        name: `${folder(6, name)}.accept_ra`,
        value: "2",
        atLeast: false,
        from: "1",
        why: "a machine that forwards must be told to go on listening to its router",
      });
    }
    wanted.push({ name: "net.ipv6.conf.all.forwarding", value: "1", atLeast: true, why });
  }
  return wanted;
}

/** Services of which at least one server is behind NAT. */
export const natServices = perDocument(({ document }): readonly Service[] =>
  [...document.services.values()].filter((service) => {
    if (service.forwarding === "nat") return true;
    for (const { forwarding } of serverEntries(document, serviceKey(service))) {
      if (forwarding === "nat") return true;
    }
    return false;
  })
);

/** Whether data connections of FTP must be followed: NAT, TCP, and a server on the port the kernel's helper watches. */
export function isFtp(service: Service): boolean {
  return service.protocol === "tcp" &&
    (service.port === FTP_PORT || memberPort(service) === FTP_PORT);
}

/** Kernel modules that nothing loads by itself: the helper for FTP through NAT. */
export function desiredModules(state: State): string[] {
  return state.self.director && natServices(state).some(isFtp) ? ["ip_vs_ftp"] : [];
}
