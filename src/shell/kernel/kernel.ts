/**
 * Everything of the kernel a node needs, opened at once: libraries, netlink handles, packet sockets.
 */
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import {
  attachFilter,
  type DatagramShape,
  type Ipvs,
  KernelRequestError,
  type Libraries,
  LibraryError,
  openInetDiag,
  openIpvs,
  openLibraries,
  openRoute,
} from "../../../ffi/mod.ts";
import { Refusal } from "../../core/refusal.ts";
import type {
  Addresses,
  Connections,
  ListenerWatch,
  MarkRules,
  Modules,
  NeighbourListener,
  Neighbours,
  Sysctl,
  Table,
  TunnelDevices,
} from "../../ports.ts";
import { createConnectionTable } from "./connection_table.ts";
import { createKernelAddresses } from "./kernel_addresses.ts";
import { createKernelTable } from "./kernel_table.ts";
import { createListenerWatch } from "./listener_watch.ts";
import { createNeighbours, neighbourTools } from "./neighbours.ts";
import { createMarkRules } from "./mark_rules.ts";
import { createModules, MODPROBE_MS_MAX } from "./modules.ts";
import { hasCapability, neededCapabilities, readCapabilities } from "../process/privileges.ts";
import { createSysctl } from "./sysctl.ts";
import { openTunnelDevices } from "./tunnel_devices.ts";

/** The kernel's ports, and how to close them. */
export interface KernelPorts {
  readonly addresses: Addresses;
  readonly table: Table;
  readonly neighbours: Neighbours;
  readonly listeners: ListenerWatch;
  readonly sysctl: Sysctl;
  readonly connections: Connections;
  readonly tunnels: TunnelDevices;
  readonly marks: MarkRules;
  readonly modules: Modules;
  /** Has the kernel drop datagrams of another shape. Throws when it will not. */
  readonly filterDatagrams: (descriptor: number, shape: DatagramShape) => void;
  readonly close: () => void;
}

/** How to open the kernel. */
export interface KernelOptions {
  /** A folder only this user can read, for embedded libraries. */
  readonly privateFolder: string;
  /** A director cannot do without IPVS; a node that is none can. */
  readonly director: boolean;
  readonly neighbour: NeighbourListener;
}

const ATTEMPTED = "start the agent";

/** Opens the kernel. Rejects with a {@link Refusal} when libraries, IPVS or privileges are missing. */
export async function openKernel(options: KernelOptions): Promise<KernelPorts> {
  refuseMissingPrivileges(readFileSync("/proc/self/status", "utf8"));
  const { privateFolder } = options;
  const libraries = await refuseMissingLibraries(() => openLibraries({ privateFolder }));
  const now = () => performance.now();
  const handles: { close(): void }[] = [];
  const keep = <T extends { close(): void }>(handle: T): T => {
    handles.push(handle);
    return handle;
  };
  const close = () => handles.splice(0).reverse().forEach((handle) => handle.close());
  try {
    const modules = createModules();
    const route = keep(openRoute(libraries));
    const diag = keep(openInetDiag(libraries));
    // Two handles: a dump that yields to the event loop must not mix with a daemon's request.
    const table = keep(openIpvs(libraries));
    const daemons = keep(openIpvs(libraries));
    if (options.director) refuseMissingIpvs(table, loadIpvs);
    return {
      addresses: createKernelAddresses(route),
      table: createKernelTable({ table, daemons, now }),
      neighbours: keep(createNeighbours(neighbourTools(libraries, route), options.neighbour)),
      listeners: createListenerWatch(diag),
      sysctl: createSysctl(),
      connections: createConnectionTable(),
      tunnels: keep(openTunnelDevices(libraries, modules)),
      marks: createMarkRules(),
      modules,
      filterDatagrams: (descriptor, shape) => attachFilter(libraries, descriptor, shape),
      close,
    };
  } catch (error) {
    close();
    throw error;
  }
}

/** Turns what `open` says of missing libraries into a {@link Refusal}; other errors are faults and stay. */
export async function refuseMissingLibraries(open: () => Promise<Libraries>): Promise<Libraries> {
  try {
    return await open();
  } catch (error) {
    if (!(error instanceof LibraryError)) throw error;
    throw new Refusal({
      attempted: ATTEMPTED,
      problem: error.problem,
      remedy: "install them with `apt-get install libnl-3-200 libnl-genl-3-200`",
    }, { cause: error });
  }
}

/** As ipvsadm does. */
function loadIpvs(): void {
  spawnSync("modprobe", ["ip_vs"], { stdio: "ignore", timeout: MODPROBE_MS_MAX });
}

/** Asks IPVS for its version; has the module loaded when it is not there. Throws a {@link Refusal} when it stays away. */
export function refuseMissingIpvs(table: Pick<Ipvs, "info">, load: () => void): void {
  if (ipvsError(table) === null) return;
  load();
  const error = ipvsError(table);
  if (error === null) return;
  const isAbsent = error instanceof KernelRequestError && error.code === "ENOENT";
  throw new Refusal({
    attempted: ATTEMPTED,
    problem: isAbsent ? "this kernel has no IPVS" : error.message,
    remedy: `${
      isAbsent ? "load it with `modprobe ip_vs`, or run" : "run"
    } this node with \`director: false\`; \`troop doctor\` shows more`,
  }, { cause: error });
}

function ipvsError(table: Pick<Ipvs, "info">): Error | null {
  try {
    table.info();
    return null;
  } catch (error) {
    return error as Error;
  }
}

/** Throws a {@link Refusal} that names what is missing. `processStatus`: /proc/self/status (proc(5)). */
export function refuseMissingPrivileges(processStatus: string): void {
  const { effective } = readCapabilities(processStatus);
  const missing = neededCapabilities.filter(({ bit }) => !hasCapability(effective, bit));
  if (missing.length === 0) return;
  throw new Refusal({
    attempted: ATTEMPTED,
    problem: `this process lacks ${missing.map(({ name }) => name).join(" and ")}`,
    remedy: "run it as root, or with the capabilities of dist/troop.service",
  });
}
