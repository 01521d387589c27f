/**
 * The words of `troop service` made into a service or a change of one. Everything wrong with them is refused before
 * any agent is contacted, with what would be right.
 */
import { type Ip, ipFamily, PORT_MAX } from "../core/address.ts";
import { type Check, completeCheck } from "../core/check.ts";
import { defaultCheck } from "../core/service/default_check.ts";
import { IPIP } from "../core/service/forwarding.ts";
import {
  flagNamesOf,
  parseSchedulerFlag,
  PERSISTENCE_S_DEFAULT,
  PERSISTENCE_S_MAX,
  persistenceEngines,
  persistenceSchema,
  type Scheduler,
  type SchedulerFlag,
} from "../core/service/scheduling.ts";
import {
  formatServiceName,
  parsePortRange,
  type PortRange,
  schedulers,
  type Service,
  type ServiceChange,
  serviceChangeSchema,
  serviceFamily,
  type ServiceName,
  serviceSchema,
} from "../core/service/service.ts";
import { type CheckOptions, readCheckChange } from "./check_words.ts";
import { type FallbackOptions, readFallback } from "./fallback_words.ts";
import { readTransition, type TransitionOptions } from "./transition_words.ts";
import { usage } from "./session.ts";
import {
  type ForwardingOptions,
  type LimitOptions,
  oneOf,
  readForwarding,
  readLimits,
  readList,
  readNumber,
  readSeconds,
  readServiceName,
  readUsableVip,
  refuseNoChange,
  refuseUnusableVip,
} from "./words.ts";

/** Options of `troop service add` and `set`, as typed; false: undone by its `--no-` form. */
export interface ServiceOptions
  extends ForwardingOptions, LimitOptions, CheckOptions, FallbackOptions, TransitionOptions {
  readonly vip?: string;
  readonly ports?: string;
  readonly scheduler?: string;
  readonly flags?: string | false;
  readonly ops?: boolean;
  readonly persistent?: string | boolean;
  readonly netmask?: string;
  readonly pe?: string;
  readonly serverPort?: string | false;
  readonly members?: boolean;
}

/** The order that is read. */
interface Asked {
  readonly attempted: string;
  readonly name: ServiceName;
  readonly verb: "add" | "set";
}

/** Scheduler of a service that names none. */
const SCHEDULER_DEFAULT = "wlc";

/** Reads a whole new service. Throws a usage Refusal. */
export function readService(text: string, options: ServiceOptions): Service {
  const name = readServiceName(text, "add service");
  const attempted = `add service ${formatServiceName(name)}`;
  if (name.protocol !== "fwm") refuseUnusableVip(attempted, name.address);
  const asked: Asked = { attempted, name, verb: "add" };
  const { vips, ports = [], persistence, check, ...named } = readSettings(asked, options);
  const forwarding = named.forwarding ?? "dr";
  const settings = {
    scheduler: SCHEDULER_DEFAULT,
    ...named,
    forwarding,
    tunnel: named.tunnel ?? (forwarding === "tunnel" ? IPIP : null),
    persistence: readNewPersistence(asked, persistence),
    check: newCheck(asked, { ports, change: check }),
  };
  if (name.protocol === "fwm" && vips === undefined) {
    throw usage(
      attempted,
      "a mark says nothing about where its packets arrive",
      "give the VIPs with --vip",
    );
  }
  const parsed = serviceSchema.safeParse(
    name.protocol === "fwm" ? { ...name, ...settings, vips, ports } : { ...name, ...settings },
  );
  if (parsed.success) return parsed.data;
  throw invalid(asked, parsed.error);
}

/** Reads what is to change of a service. Throws a usage Refusal. */
export function readServiceChange(
  text: string,
  options: ServiceOptions,
): { readonly name: ServiceName; readonly change: ServiceChange } {
  const name = readServiceName(text, "change service");
  const asked: Asked = {
    attempted: `change service ${formatServiceName(name)}`,
    name,
    verb: "set",
  };
  const parsed = serviceChangeSchema.safeParse(readSettings(asked, options));
  if (!parsed.success) throw invalid(asked, parsed.error);
  refuseNoChange(asked.attempted, parsed.data, "service set");
  return { name, change: parsed.data };
}

function invalid(
  { attempted, verb }: Asked,
  { issues: [issue] }: { readonly issues: readonly { path: PropertyKey[]; message: string }[] },
): Error {
  const path = issue?.path.join(".") ?? "";
  const problem = `${path}${path === "" ? "" : ": "}${issue?.message ?? "not valid"}`;
  return usage(attempted, problem, `see \`troop service ${verb} --help\``);
}

/** What is named, and nothing else. */
function readSettings(asked: Asked, options: ServiceOptions): ServiceChange {
  const { attempted } = asked;
  const { scheduler, ops, members } = options;
  const check = readCheckChange(attempted, options);
  return {
    ...readMarkOptions(asked, options),
    ...(scheduler === undefined
      ? {}
      : { scheduler: oneOf({ attempted, what: "scheduler", value: scheduler }, schedulers) }),
    ...readFlags(asked, options),
    ...(ops === undefined ? {} : { onePacket: ops }),
    ...readPersistence(asked, options),
    ...readForwarding(attempted, options),
    ...readServerPort(attempted, options),
    ...readLimits(attempted, options),
    ...readFallback(attempted, options),
    ...readTransition(attempted, options),
    ...(members === undefined ? {} : { members }),
    ...(Object.keys(check).length === 0 ? {} : { check }),
  };
}

function readMarkOptions(
  { attempted, name }: Asked,
  { vip, ports }: ServiceOptions,
): Pick<ServiceChange, "vips" | "ports"> {
  if (name.protocol !== "fwm" && (vip !== undefined || ports !== undefined)) {
    throw usage(
      attempted,
      `${
        vip === undefined ? "--ports" : "--vip"
      } is for mark services: this one has both in its name`,
      "leave it out, or name the service fwmark:N",
    );
  }
  return {
    ...(vip === undefined ? {} : { vips: readVips({ attempted, name }, vip) }),
    ...(ports === undefined ? {} : { ports: readPorts(attempted, ports) }),
  };
}

function readVips({ attempted, name }: Pick<Asked, "attempted" | "name">, text: string): Ip[] {
  const vips = readList(attempted, "--vip", text).map((item) => readUsableVip(attempted, item));
  const family = serviceFamily(name);
  const other = vips.find((vip) => ipFamily(vip) !== family);
  if (other === undefined) return vips;
  throw usage(
    attempted,
    `${other} is no IPv${family} address`,
    `for IPv${10 - family} write fwmark${
      family === 4 ? "6" : ""
    }:N; the two families are two services`,
  );
}

/** Reads the list of `--ports`. A bare port or range is one of the protocol named last before it. */
function readPorts(attempted: string, text: string): PortRange[] {
  if (text === "none") return [];
  let protocol = "";
  return readList(attempted, "--ports", text).map((item) => {
    const range = parsePortRange(item.includes("/") ? item : `${protocol}/${item}`);
    if (range !== undefined) {
      protocol = range.protocol;
      return range;
    }
    throw usage(
      attempted,
      `--ports "${item}" is not PROTOCOL/PORT`,
      "write for example tcp/80,443,udp/5000-5100, or none",
    );
  });
}

function readFlags(
  { attempted, verb }: Asked,
  { flags, scheduler }: ServiceOptions,
): { readonly flags?: SchedulerFlag[] } {
  if (flags === undefined) return {};
  if (flags === false) return { flags: [] };
  if (scheduler === undefined && verb === "set") {
    throw usage(
      attempted,
      "--flags are flags of a scheduler",
      "name it too, for example --scheduler sh --flags sh-port",
    );
  }
  const value = scheduler ?? SCHEDULER_DEFAULT;
  const chosen: Scheduler = oneOf({ attempted, what: "scheduler", value }, schedulers);
  const names = flagNamesOf(chosen);
  return {
    flags: [
      ...new Set(
        readList(attempted, "--flags", flags).map((item) => {
          const flag = parseSchedulerFlag(chosen, item);
          if (flag !== undefined) return flag;
          throw usage(
            attempted,
            `scheduler ${chosen} has no flag "${item}"`,
            names.length > 0 ? `it has ${names.join(", ")}` : "only sh and mh have flags",
          );
        }),
      ),
    ].sort(),
  };
}

function readPersistence(
  { attempted, name, verb }: Asked,
  { persistent, netmask, pe }: ServiceOptions,
): Pick<ServiceChange, "persistence"> {
  const lone = netmask !== undefined ? "--netmask" : pe !== undefined ? "--pe" : undefined;
  if (
    lone !== undefined && (persistent === false || (verb === "add" && persistent === undefined))
  ) {
    throw usage(attempted, `${lone} needs persistence`, "give --persistent with it");
  }
  if (persistent === false) return { persistence: null };
  const parts = {
    ...(persistent === undefined ? {} : { timeoutS: persistenceTime(attempted, persistent) }),
    ...(netmask === undefined
      ? {}
      : { prefixLength: readNetmask(attempted, netmask, serviceFamily(name)) }),
    ...(pe === undefined ? {} : {
      engine: pe === "none"
        ? null
        : oneOf({ attempted, what: "persistence engine", value: pe }, persistenceEngines),
    }),
  };
  return Object.keys(parts).length === 0 ? {} : { persistence: parts };
}

function persistenceTime(attempted: string, text: string | true): number {
  if (text === true) return PERSISTENCE_S_DEFAULT;
  return readSeconds(attempted, { option: "--persistent", text, min: 1, max: PERSISTENCE_S_MAX });
}

/** `24`, `/24` or `255.255.255.0`; its ones must stand in front. */
function readNetmask(attempted: string, text: string, family: 4 | 6): number {
  const max = family === 4 ? 32 : 128;
  const bits = /^\/?\d{1,3}$/.test(text)
    ? Number(text.replace("/", ""))
    : family === 4
    ? maskBits(text)
    : undefined;
  if (bits !== undefined && bits >= 1 && bits <= max) return bits;
  throw usage(
    attempted,
    `--netmask "${text}" is no IPv${family} netmask`,
    family === 4 ? "write 1 to 32, or for example 255.255.255.0" : "write 1 to 128",
  );
}

function maskBits(text: string): number | undefined {
  const parts = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(text)?.slice(1).map(Number);
  if (parts === undefined || parts.some((part) => part > 255)) return undefined;
  const binary = parts.map((part) => part.toString(2).padStart(8, "0")).join("");
  return /^1*0*$/.test(binary) ? binary.lastIndexOf("1") + 1 : undefined;
}

/** A new service has all of its persistence, or none. */
function readNewPersistence(
  { attempted, name }: Asked,
  persistence: ServiceChange["persistence"],
): Service["persistence"] {
  if (persistence !== undefined && persistence !== null) {
    return persistenceSchema.parse(persistence);
  }
  if (name.protocol === "fwm" || name.port > 0) return null;
  throw usage(
    attempted,
    "port 0 takes every port, which needs persistence",
    "give --persistent with it",
  );
}

function readServerPort(
  attempted: string,
  { serverPort: text }: ServiceOptions,
): Pick<ServiceChange, "serverPort"> {
  if (text === undefined) return {};
  if (text === false) return { serverPort: null };
  return {
    serverPort: readNumber(attempted, { option: "--server-port", text, min: 1, max: PORT_MAX }),
  };
}

function newCheck(
  { attempted, name }: Asked,
  { ports, change = {} }: {
    readonly ports: readonly PortRange[];
    readonly change: ServiceChange["check"];
  },
): Check {
  const standard = defaultCheck(name, ports);
  const kind = change.kind ?? standard.kind;
  if (kind === "none" && change.intervalMs !== undefined) {
    throw usage(attempted, "there is no check to repeat", "give --check, or leave --interval out");
  }
  if (kind === "none" && Object.keys(change).some((field) => field !== "kind")) {
    throw usage(attempted, "there is no check to set options of", "give --check with it");
  }
  if (typeof change["expect"] === "string" && change.kind === undefined) {
    throw usage(
      attempted,
      "--expect needs a check that looks at an answer",
      "give --check http://:PORT/PATH or https://HOST/PATH with it",
    );
  }
  // A check that is asked for every five minutes may take as long, unless something else is said.
  const timeoutMs = change["timeoutMs"] ?? change["intervalMs"] ?? standard.timeoutMs;
  const check = completeCheck({ ...standard, ...change, timeoutMs });
  if (typeof check !== "string") return check;
  throw usage(attempted, check, `see \`troop check kinds ${kind}\``);
}
