/**
 * How this machine takes tunnelled packets as a real server: the kernel's own devices for every tunnel whose other
 * end nobody has named (fallback devices), and UDP ports for generic UDP encapsulation (GUE). What comes out of a GUE
 * port is IP in IP again and needs the device for that.
 *
 * Looking whether all is well takes one question to the kernel, so it may be done every second. The first call may
 * take some ms longer, while the kernel loads a module; where that fails, the kernel is not asked again at once,
 * because it would start modprobe each time.
 */
import { spawn } from "node:child_process";
import {
  type Fou,
  type FouPort,
  type FouPortKey,
  KernelRequestError,
  type Libraries,
  openFou,
  openTunnelLinks,
  type TunnelKind,
  type TunnelLink,
  type TunnelLinks,
} from "../../ffi/mod.ts";

/** How tunnelled packets arrive: IPv4 in IPv4, IPv6 in IPv4, either in IPv6, and GRE over IPv4 and over IPv6. */
export type TunnelDeviceName = "tunl0" | "sit0" | "ip6tnl0" | "gre0" | "ip6gre0";

/** See the head of this file. Errors throw {@link KernelRequestError}. */
export interface TunnelDevices {
  /** Makes the device exist and be up; true when it was changed. */
  ensure(name: TunnelDeviceName): boolean;
  /**
   * Makes the kernel take GUE packets on this UDP port, for this family of outer packets. Already so is done.
   * ENOENT: the module is missing and modprobe has been started; a later call succeeds if that does.
   */
  listen(port: number, family: 4 | 6): void;
  /** Undoes what this object changed (device down again, ports closed). */
  restore(): void;
}

/** What tunnel devices are made by. */
export interface TunnelTools {
  readonly links: Omit<TunnelLinks, "close">;
  readonly fou: Omit<Fou, "close">;
  /** Begins to load a module, returns before it is loaded, and calls back if it then is. */
  readonly loadModule: (name: string, loaded: () => void) => void;
  /** Monotonic ms. */
  readonly now: () => number;
}

/** Time between two attempts to load a module, ms: each costs a process, and a missing module stays missing. */
export const LOAD_RETRY_MS = 30_000;

/** Time modprobe may take, ms. */
const MODPROBE_MS_MAX = 10_000;

/** The kernel's name for each device's kind. */
const kinds: Record<TunnelDeviceName, TunnelKind> = {
  tunl0: "ipip",
  sit0: "sit",
  ip6tnl0: "ip6tnl",
  gre0: "gre",
  ip6gre0: "ip6gre",
};

/** The tools that reach the kernel, and how to close them. */
export function openTunnelTools(libraries: Libraries): TunnelTools & { close(): void } {
  const links = openTunnelLinks(libraries);
  const fou = openFou(libraries);
  const close = () => {
    fou.close();
    links.close();
  };
  return { links, fou, loadModule, now: () => performance.now(), close };
}

/** Whoever may not load modules, or has no modprobe, reads in the error of the next call what to do. */
function loadModule(name: string, loaded: () => void): void {
  const modprobe = spawn("modprobe", [name], { stdio: "ignore", timeout: MODPROBE_MS_MAX });
  modprobe.on("error", () => undefined);
  modprobe.on("exit", (status) => {
    if (status === 0) loaded();
  });
  modprobe.unref();
}

/** Tunnel devices and GUE ports of the network namespace the tools were opened in. */
export function createTunnelDevices(tools: TunnelTools): TunnelDevices {
  const devices = createDevices(tools);
  const ports = createGuePorts(tools);
  return {
    ensure: (name) => devices.ensure(name),
    listen: (port, family) => ports.open({ port, version: family }),
    restore() {
      const failures = [...ports.restore(), ...devices.restore()];
      if (failures.length > 0) throw failures[0];
    },
  };
}

/** What was done to a device, and is to be undone. */
interface Change {
  /** Another index is another device under the same name, of which nothing is to be undone. */
  readonly index: number;
  created: boolean;
  raised: boolean;
  /** What it took before it took any protocol; null when that was not changed. */
  protocol: number | null;
}

function createDevices({ links, now }: TunnelTools) {
  const changes = new Map<TunnelDeviceName, Change>();
  const pause = createPause(now);

  /** The device, made by this call or by the module that comes with it. */
  function make(name: TunnelDeviceName): TunnelLink {
    const created = pause.guard(name, () => links.create({ name, kind: kinds[name] }));
    const link = links.find(name);
    if (link === undefined) throw failure(name, { code: "ENODEV" });
    if (created) changeOf(name, link.index).created = true;
    return link;
  }

  function changeOf(name: TunnelDeviceName, index: number): Change {
    const known = changes.get(name);
    if (known?.index === index) return known;
    const fresh = { index, created: false, raised: false, protocol: null };
    changes.set(name, fresh);
    return fresh;
  }

  return {
    ensure(name: TunnelDeviceName): boolean {
      const found = links.find(name);
      const link = found ?? make(name);
      if (link.kind !== kinds[name]) {
        const detail = `an interface of kind "${link.kind}" has this name`;
        throw failure(name, { code: "EEXIST", detail });
      }
      // The fallback device in IPv6 takes IPv6 alone until it is told to take IPv4 too.
      const narrow = link.protocol !== null && link.protocol !== 0;
      if (narrow) {
        links.setProtocol({ name, protocol: 0 });
        changeOf(name, link.index).protocol ??= link.protocol;
      }
      if (!link.up) {
        links.setUp({ index: link.index, up: true }, `set ${name} up`);
        changeOf(name, link.index).raised = true;
      }
      return found === undefined || narrow || !link.up;
    },

    /** Puts everything back that can be, and returns what failed. */
    restore(): unknown[] {
      const undone = [...changes].map(([name, change]) =>
        failureOf(() => {
          const link = links.find(name);
          if (link?.index !== change.index) return;
          if (change.created) return links.delete(link.index, `remove ${name}`);
          if (change.raised) links.setUp({ index: link.index, up: false }, `set ${name} down`);
          if (change.protocol !== null) links.setProtocol({ name, protocol: change.protocol });
        })
      );
      changes.clear();
      return undone.filter((error) => error !== undefined);
    },
  };
}

/** Keeps from asking the kernel for a module it has just failed to load. */
function createPause(now: () => number) {
  const failed = new Map<TunnelDeviceName, { readonly error: Error; readonly untilMs: number }>();
  return {
    /** What `make` returns; throws the error of the last attempt while it is too soon for the next. */
    guard<Value>(name: TunnelDeviceName, make: () => Value): Value {
      const last = failed.get(name);
      if (last !== undefined && now() < last.untilMs) throw last.error;
      try {
        return make();
      } catch (error) {
        if (!isUnknownKind(error)) throw error;
        const detail = `kernel has no module for tunnels of kind "${kinds[name]}"`;
        const explained = failure(name, { code: error.code, detail }, { cause: error });
        failed.set(name, { error: explained, untilMs: now() + LOAD_RETRY_MS });
        throw explained;
      }
    },
  };
}

function createGuePorts({ fou, loadModule, now }: TunnelTools) {
  const opened: FouPortKey[] = [];
  let missing: { readonly error: KernelRequestError; readonly untilMs: number } | undefined;

  /** The kernel looks for the module itself at every question, in vain, which takes as long as loading it does. */
  function listPorts(): FouPort[] {
    if (missing !== undefined && now() < missing.untilMs) throw missing.error;
    try {
      return fou.ports();
    } catch (error) {
      if (error instanceof KernelRequestError && error.code === "ENOENT") {
        missing = { error, untilMs: now() + LOAD_RETRY_MS };
        loadModule("fou", () => missing = undefined);
      }
      throw error;
    }
  }

  return {
    open(key: FouPortKey): void {
      // What takes FOU, or packets at one address only, is somebody else's: opening ours says EADDRINUSE.
      if (listPorts().some((row) => serves(row, key))) return;
      fou.addGue(key);
      if (!opened.some((row) => isSame(row, key))) opened.push(key);
    },

    /** Closes the ports opened here and returns what failed. */
    restore(): unknown[] {
      const closed = opened.splice(0).map((key) =>
        failureOf(() => {
          if (fou.ports().some((row) => serves(row, key))) fou.delete(key);
        })
      );
      return closed.filter((error) => error !== undefined);
    },
  };
}

function isSame(one: FouPortKey, other: FouPortKey): boolean {
  return one.port === other.port && one.version === other.version;
}

/** Whether a port of the kernel takes GUE at every address. */
function serves(row: FouPort, key: FouPortKey): boolean {
  return isSame(row, key) && row.encapsulation === "gue" && row.local.every((byte) => byte === 0);
}

function failureOf(action: () => void): unknown {
  try {
    action();
    return undefined;
  } catch (error) {
    return error;
  }
}

/** EOPNOTSUPP is the kernel's word for a kind that no module has brought. */
function isUnknownKind(error: unknown): error is KernelRequestError {
  return error instanceof KernelRequestError && error.code === "EOPNOTSUPP";
}

function failure(
  name: TunnelDeviceName,
  error: { readonly code: string; readonly detail?: string },
  options?: ErrorOptions,
): KernelRequestError {
  return new KernelRequestError({ operation: `make tunnel device ${name}`, ...error }, options);
}
