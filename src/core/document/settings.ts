/**
 * Settings of the whole cluster: the kernel's timeouts, the sync daemon, and the switches that decide what
 * survives a takeover. Each is one entry of the document, so that two operators can change two at once.
 */
import { type Ip, ipToBytes, parseIp } from "../address.ts";
import { fallbackSchema, formatFallback, parseFallback } from "../service/fallback.ts";
import { SETTING_LENGTH_MAX } from "../limits.ts";

/** One setting: what it takes, what it is without being set, and why. */
export interface SettingSpec {
  /** Value without a setting, as text. `kernel`: troop leaves the kernel's own; `auto`: see `about`. */
  readonly standard: string;
  /** Accepted values, in words. */
  readonly takes: string;
  readonly about: string;
  /** The canonical text of a value, or undefined when it is not accepted. */
  readonly read: (text: string) => string | undefined;
}

/** Longest timeout the kernel takes, s (ip_vs_set_timeout in ip_vs_ctl.c: INT_MAX / HZ at HZ=1000). */
const TIMEOUT_S_MAX = 2_147_483;
/** Bytes of a sync datagram (ip_vs_ctl.c, start_sync_thread: 1 to 65535 - 20 - 8), and enough for one connection. */
const SYNC_LENGTH = { min: 64, max: 65_507 } as const;

/** Room for one connection: the next one sends it off, instead of a timer after two seconds (ip_vs_sync_buff_create). */
export const SYNC_LENGTH_SHORT = SYNC_LENGTH.min;

function number(
  min: number,
  max: number,
  others: readonly string[] = [],
): Pick<SettingSpec, "takes" | "read"> {
  return {
    takes: [`${min} to ${max}`, ...others].join(", "),
    read: (text) => {
      if (others.includes(text)) return text;
      if (!/^\d{1,10}$/.test(text)) return undefined;
      const value = Number(text);
      return value >= min && value <= max ? String(value) : undefined;
    },
  };
}

function choice(...values: readonly string[]): Pick<SettingSpec, "takes" | "read"> {
  return {
    takes: values.join(", "),
    read: (text) => values.includes(text) ? text : undefined,
  };
}

/** A multicast group, 224.0.0.0/4 or ff00::/8: the sync daemon knows nothing else (ip_vs_sync.c, set_mcast_if). */
function multicastGroup(text: string): string | undefined {
  const ip = parseIp(text);
  if (ip === undefined) return undefined;
  const [first = 0] = ipToBytes(ip);
  return ip.includes(":")
    ? first === 0xff ? ip : undefined
    : (first & 0xf0) === 0xe0
    ? ip
    : undefined;
}

function fallbackText(text: string): string | undefined {
  const parsed = fallbackSchema.safeParse(parseFallback(text));
  return parsed.success ? formatFallback(parsed.data) : undefined;
}

/** One line without control characters. */
function line(text: string): string | undefined {
  return /^[^\p{Cc}]+$/u.test(text) && text.trim() === text && text.length <= SETTING_LENGTH_MAX
    ? text
    : undefined;
}

/** Every setting by name (net.ipv4.vs.* in Documentation/networking/ipvs-sysctl.rst; ipvsadm(8), --set and --start-daemon). */
export const settingSpecs = {
  "quorum": {
    standard: "off",
    ...choice("majority", "off"),
    about:
      "majority: a node that does not hear more than half of the cluster's nodes holds no VIP " +
      "(the --quorum of a service is another thing: how many of its servers must be up)",
  },
  "tcp-timeout": {
    standard: "kernel",
    ...number(1, TIMEOUT_S_MAX, ["kernel"]),
    about: "seconds an idle established TCP connection is kept (kernel: 900)",
  },
  "tcpfin-timeout": {
    standard: "kernel",
    ...number(1, TIMEOUT_S_MAX, ["kernel"]),
    about: "seconds a TCP connection is kept after a FIN (kernel: 120)",
  },
  "udp-timeout": {
    standard: "kernel",
    ...number(1, TIMEOUT_S_MAX, ["kernel"]),
    about: "seconds an idle UDP conversation is kept (kernel: 300)",
  },
  "sync-id": {
    standard: "auto",
    ...number(1, 255, ["auto"]),
    about:
      "number that keeps the sync daemons of clusters on one LAN apart (auto: from the cluster's name)",
  },
  "sync-group": {
    standard: "224.0.0.81",
    takes: "a multicast address",
    read: multicastGroup,
    about: "multicast group to which connections are told",
  },
  "sync-port": { standard: "8848", ...number(1, 65_535), about: "UDP port of the sync daemon" },
  "sync-ttl": {
    standard: "1",
    ...number(1, 255),
    about: "hops a sync datagram may take; 1 stays on the LAN",
  },
  "sync-max-length": {
    standard: "auto",
    ...number(SYNC_LENGTH.min, SYNC_LENGTH.max, ["auto", "kernel"]),
    about: "bytes of a sync datagram; short ones tell of a connection at once, in more packets " +
      "(auto: 64 when a service has servers without an agent; kernel: what the MTU allows)",
  },
  "sync-refresh-period": {
    standard: "10",
    ...number(1, 600),
    about:
      "seconds after which a live connection is told again, so that a node that comes back learns of it",
  },
  "expire-nodest-conn": {
    standard: "on",
    ...choice("on", "off"),
    about:
      "end a connection whose server was removed at once; off: its packets vanish until it times out",
  },
  "expire-quiescent-template": {
    standard: "on",
    ...choice("on", "off"),
    about: "let persistent clients of a server with weight 0 move on, so that it can be drained",
  },
  "conn-reuse-mode": {
    standard: "3",
    ...number(0, 3),
    about:
      "schedule a client anew that uses a port again; without bit 2 it meets its old server, dead or not",
  },
  "sloppy-tcp": {
    standard: "auto",
    ...choice("auto", "on", "off"),
    about:
      "take up connections whose beginning was not seen (auto: when a service hashes its clients, by sh, mh or dh)",
  },
  "fallback": {
    standard: "none",
    takes: "none, sorry, ADDRESS[:PORT][,dr|,nat|,TUNNEL]",
    read: fallbackText,
    about: "who serves while a service has nobody left, unless the service says it: a server, or " +
      "troop's own page (sorry)",
  },
  "sorry-page": {
    standard: "auto",
    takes: "a line of text, the path of an HTML file, auto",
    read: line,
    about: "what troop's own page says; a file is read on the node that holds the VIP",
  },
  "sorry-port": {
    standard: "6942",
    ...number(1, 65_535),
    about: "TCP port of the nodes' own addresses on which they serve that page",
  },
  "flap-damping": {
    standard: "on",
    ...choice("on", "off"),
    about:
      "hold a server down for a while that goes down again and again; never the last one of a service",
  },
} as const satisfies Record<string, SettingSpec>;

/** See {@link settingSpecs}. */
export type SettingName = keyof typeof settingSpecs;

/** The names, in the order in which people read them. */
export const settingNames = Object.keys(settingSpecs) as SettingName[];

/** Settings that were set, by name, as canonical text. */
export type SettingEntries = ReadonlyMap<SettingName, string>;

/** Whether it is the name of a setting. */
export function isSettingName(name: string): name is SettingName {
  return Object.hasOwn(settingSpecs, name);
}

/** The text of a setting, set or standard. */
export function settingText(entries: SettingEntries, name: SettingName): string {
  return entries.get(name) ?? settingSpecs[name].standard;
}

/** The number of a setting; null where it is a word (`kernel`, `auto`). */
export function settingNumber(entries: SettingEntries, name: SettingName): number | null {
  const value = Number(settingText(entries, name));
  return Number.isInteger(value) ? value : null;
}

/** The multicast group of the sync daemon. */
export function syncGroupOf(entries: SettingEntries): Ip {
  return settingText(entries, "sync-group");
}
