/**
 * The {@link TunnelDevices} port: this machine as a real server that takes tunnelled packets from anybody, through the
 * kernel's own devices for tunnels without a named peer (fallback devices), and through UDP ports for generic UDP
 * encapsulation (GUE). What comes out of a GUE port is IP in IP again and needs the device for that.
 *
 * Looking whether all is well takes one question to the kernel, so it may be done every second. The first `ensure` of a
 * device may take some ms longer, while the kernel loads its module. The module for GUE the kernel does not load by
 * itself: the first `listen` throws ENOENT and has it loaded, and a later one succeeds. Where a module cannot be
 * loaded, the kernel is not asked again at once, because it would start modprobe each time.
 */
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
} from "../../../ffi/mod.ts";
import type { TunnelDevice } from "../../core/desired/receiving.ts";
import type { Modules, TunnelDevices } from "../../ports.ts";

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

/** The kernel's name for each device's kind. */
const kinds: Record<TunnelDevice, TunnelKind> = {
  tunl0: "ipip",
  sit0: "sit",
  ip6tnl0: "ip6tnl",
  gre0: "gre",
  ip6gre0: "ip6gre",
};

/** The port over the kernel, in the network namespace this process is in. */
export function openTunnelDevices(
  libraries: Libraries,
  modules: Modules,
): TunnelDevices & { close(): void } {
  const links = openTunnelLinks(libraries);
  const fou = openFou(libraries);
  // Whoever may not load modules, or has no modprobe, reads in the error of the next call what to do.
  const loadModule = (name: string, loaded: () => void) =>
    void modules.load(name).then(loaded, () => undefined);
  const close = () => {
    fou.close();
    links.close();
  };
  return {
    ...createTunnelDevices({ links, fou, loadModule, now: () => performance.now() }),
    close,
  };
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
  const changes = new Map<TunnelDevice, Change>();
  const hold = createRetryHold(now);

  /** The device, made by this call or by the module that comes with it. */
  function make(name: TunnelDevice): TunnelLink {
    const created = hold.guard(name, () => links.create({ name, kind: kinds[name] }));
    const link = links.find(name);
    if (link === undefined) throw failure(name, { code: "ENODEV" });
    if (created) changeOf(name, link.index).created = true;
    return link;
  }

  function changeOf(name: TunnelDevice, index: number): Change {
    const known = changes.get(name);
    if (known?.index === index) return known;
    const fresh = { index, created: false, raised: false, protocol: null };
    changes.set(name, fresh);
    return fresh;
  }

  return {
    ensure(name: TunnelDevice): boolean {
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
function createRetryHold(now: () => number) {
  const failed = new Map<TunnelDevice, { readonly error: Error; readonly untilMs: number }>();
  return {
    /** What `make` returns; throws the error of the last attempt while it is too soon for the next. */
    guard<Value>(name: TunnelDevice, make: () => Value): Value {
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
  name: TunnelDevice,
  error: { readonly code: string; readonly detail?: string },
  options?: ErrorOptions,
): KernelRequestError {
  return new KernelRequestError({ operation: `make tunnel device ${name}`, ...error }, options);
}
