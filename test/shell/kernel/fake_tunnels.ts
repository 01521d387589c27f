/**
 * Tunnel devices and GUE ports of a namespace in maps, with the habits of linux 6.1: modules that come when they are
 * needed and bring fallback devices, which cannot be removed and take IPv6 alone in IPv6.
 */
import {
  type FouPort,
  type FouPortKey,
  KernelRequestError,
  type TunnelKind,
  type TunnelLink,
} from "../../../ffi/mod.ts";
import type { TunnelTools } from "../../../src/shell/kernel/tunnel_devices.ts";

const fallbackNames: Record<TunnelKind, string> = {
  ipip: "tunl0",
  sit: "sit0",
  ip6tnl: "ip6tnl0",
  gre: "gre0",
  ip6gre: "ip6gre0",
};
const IPPROTO_IPV6 = 41;

interface Device {
  index: number;
  up: boolean;
  kind: string;
  protocol: number | null;
  readonly fallback: boolean;
}

/** The fake, and what tests look at and set. */
export interface FakeTunnels extends TunnelTools {
  readonly devices: Map<string, Device>;
  /** Kinds whose module is there to be loaded. */
  readonly available: Set<TunnelKind>;
  readonly guePorts: FouPort[];
  /** Modules that modprobe was started for, and how to say that it has loaded one. */
  readonly asked: { readonly name: string; readonly loaded: () => void }[];
  /** How often the kernel was made to look for a module. */
  searches: number;
  /** How many requests changed something. */
  writes: number;
  fouLoaded: boolean;
  nowMs: number;
  /** A device somebody else made. */
  add(
    name: string,
    device: Partial<Omit<Device, "index" | "fallback">> & { fallback?: boolean },
  ): void;
}

/** Makes a namespace; without `fallbacks`, modules bring no devices (net.core.fb_tunnels_only_for_init_net). */
export function createFakeTunnels({ fallbacks }: { readonly fallbacks: boolean }): FakeTunnels {
  const devices = new Map<string, Device>();
  const loaded = new Set<TunnelKind>();
  const guePorts: FouPort[] = [];
  let nextIndex = 2;

  function load(kind: TunnelKind, operation: string): void {
    if (loaded.has(kind)) return;
    fake.searches++;
    if (!fake.available.has(kind)) refuse(operation, "EOPNOTSUPP");
    loaded.add(kind);
    if (!fallbacks) return;
    const protocol = kind === "ip6tnl" ? IPPROTO_IPV6 : null;
    fake.add(fallbackNames[kind], { kind, protocol, fallback: true });
  }

  function byIndex(index: number, operation: string): { name: string; device: Device } {
    for (const [name, device] of devices) if (device.index === index) return { name, device };
    return refuse(operation, "ENODEV");
  }

  const fake: FakeTunnels = {
    devices,
    available: new Set(["ipip", "sit", "ip6tnl", "gre", "ip6gre"]),
    guePorts,
    asked: [],
    searches: 0,
    writes: 0,
    fouLoaded: true,
    nowMs: 1_000,
    add(name, { up = false, kind = "", protocol = null, fallback = false }) {
      devices.set(name, { index: nextIndex++, up, kind, protocol, fallback });
    },
    now: () => fake.nowMs,
    loadModule: (name, loaded) => void fake.asked.push({ name, loaded }),
    links: {
      find(name): TunnelLink | undefined {
        const device = devices.get(name);
        return device === undefined ? undefined : { ...device };
      },
      create({ name, kind }) {
        fake.writes++;
        load(kind, `create ${name}`);
        if (devices.has(name)) return false;
        fake.add(name, { kind, protocol: kind === "ip6tnl" ? 0 : null });
        return true;
      },
      setUp({ index, up }, operation) {
        fake.writes++;
        byIndex(index, operation).device.up = up;
      },
      delete(index, operation) {
        fake.writes++;
        const { name, device } = byIndex(index, operation);
        if (!device.fallback) devices.delete(name);
      },
      setProtocol({ name, protocol }) {
        fake.writes++;
        const device = devices.get(name) ?? refuse(`set protocol of ${name}`, "ENODEV");
        if (device.kind !== "ip6tnl") refuse(`set protocol of ${name}`, "EOPNOTSUPP");
        device.protocol = protocol;
      },
    },
    fou: createFakeFou(guePorts, () => fake),
  };
  return fake;
}

function refuse(operation: string, code: string): never {
  throw new KernelRequestError({ operation, code });
}

function createFakeFou(ports: FouPort[], kernel: () => FakeTunnels): TunnelTools["fou"] {
  const find = (key: FouPortKey) =>
    ports.findIndex(({ port, version }) => port === key.port && version === key.version);
  const require = (operation: string) => {
    if (kernel().fouLoaded) return;
    kernel().searches++;
    refuse(operation, "ENOENT");
  };
  return {
    ports() {
      require("list FOU ports");
      return [...ports];
    },
    addGue(key) {
      require("open port");
      kernel().writes++;
      if (find(key) >= 0) refuse("open port", "EADDRINUSE");
      const local = new Uint8Array(key.version === 4 ? 4 : 16);
      ports.push({ ...key, encapsulation: "gue", protocol: 0, local });
    },
    delete(key) {
      require("close port");
      kernel().writes++;
      const at = find(key);
      if (at < 0) refuse("close port", "EINVAL");
      ports.splice(at, 1);
    },
  };
}
