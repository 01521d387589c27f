/**
 * Single words of the command line made into values. What is wrong with one is refused in one line, with what would be
 * right; `attempted` begins that line.
 */
import { type Ip, isUsableVip, parseIp } from "../core/address.ts";
import { nameSchema } from "../core/document/document.ts";
import { parseDuration } from "../core/duration.ts";
import {
  type Forwarding,
  forwardings,
  parseTunnel,
  type Tunnel,
} from "../core/service/forwarding.ts";
import { parseServiceName, type ServiceName, THRESHOLD_MAX } from "../core/service/service.ts";
import { WEIGHT_MAX } from "../core/limits.ts";
import { usage } from "./session.ts";

/** How a service is named, for help. */
export const SERVICE_HELP =
  "VIP:PORT, with /udp or /sctp behind it where it is not TCP; [VIP]:PORT for IPv6; fwmark:N or fwmark6:N for a mark";

/** One of a few accepted words. */
export function oneOf<Value extends string>(
  { attempted, what, value }: { attempted: string; what: string; value: string },
  accepted: readonly Value[],
): Value {
  const found = accepted.find((item) => item === value);
  if (found !== undefined) return found;
  throw usage(attempted, `${what} "${value}" is not known`, `use one of ${accepted.join(", ")}`);
}

/** What was typed behind an option, and the bounds it has to keep. */
interface Bounded {
  readonly option: string;
  readonly text: string;
  readonly min: number;
  readonly max: number;
}

/** A whole number within bounds. */
export function readNumber(attempted: string, { option, text, min, max }: Bounded): number {
  const value = /^\d{1,10}$/.test(text) ? Number(text) : NaN;
  if (value >= min && value <= max) return value;
  throw usage(attempted, `${option} "${text}" is not a number from ${min} to ${max}`, "correct it");
}

/** Whole seconds: a bare number, as ipvsadm takes it, or a time with its unit. */
export function readSeconds(attempted: string, { option, text, min, max }: Bounded): number {
  const seconds = /^\d{1,9}$/.test(text) ? Number(text) : (parseDuration(text) ?? NaN) / 1_000;
  if (!Number.isInteger(seconds)) {
    throw usage(
      attempted,
      `${option} "${text}" is not a time in whole seconds`,
      "write for example 300, 30s or 5m",
    );
  }
  if (seconds >= min && seconds <= max) return seconds;
  throw usage(attempted, `${option} "${text}" is out of range`, `use ${min} to ${max} seconds`);
}

/** A service by its name; `verb` begins the refusal. */
export function readServiceName(text: string, verb: string): ServiceName {
  const name = parseServiceName(text);
  if (name !== undefined) return name;
  throw usage(
    `${verb} ${text}`,
    `"${text}" is not VIP:PORT`,
    "write for example 192.0.2.100:80, 192.0.2.100:53/udp, [2001:db8::100]:80 or fwmark:1",
  );
}

/** An address that clients can be sent to. */
export function readUsableVip(attempted: string, text: string): Ip {
  const vip = parseIp(text);
  if (vip === undefined) {
    throw usage(
      attempted,
      `"${text}" is not an IPv4 or IPv6 address`,
      "write the VIP without a port, as `troop status` shows it",
    );
  }
  refuseUnusableVip(attempted, vip);
  return vip;
}

/** Refuses an address that cannot be a VIP. */
export function refuseUnusableVip(attempted: string, vip: Ip): void {
  if (isUsableVip(vip)) return;
  throw usage(
    attempted,
    `"${vip}" cannot be a VIP`,
    "choose a free address of the LAN, not a loopback, link-local, multicast or broadcast one",
  );
}

/** The items of a list with commas; none may be empty. */
export function readList(attempted: string, option: string, text: string): string[] {
  const items = text.split(",").map((item) => item.trim());
  if (!items.includes("")) return items;
  throw usage(
    attempted,
    `${option} "${text}" is not a list`,
    "write the items with commas between",
  );
}

/** Names of nodes. */
export function readNodeNames(attempted: string, option: string, text: string): string[] {
  const names = readList(attempted, option, text);
  const odd = names.find((name) => !nameSchema.safeParse(name).success);
  if (odd !== undefined) {
    throw usage(attempted, `${option} "${odd}" is not a name of a node`, "see `troop status`");
  }
  const twice = names.find((name, index) => names.indexOf(name) < index);
  if (twice === undefined) return names;
  throw usage(attempted, `${option} names "${twice}" twice`, "name each node once");
}

/** What `--forward` and `--tunnel` say; false: what was said no longer counts. */
export interface ForwardingOptions {
  readonly forward?: string | false;
  readonly tunnel?: string | false;
}

/** Method and tunnel as far as they are named. A tunnel alone means the method too. */
export function readForwarding(
  attempted: string,
  { forward, tunnel: text }: ForwardingOptions,
): { readonly forwarding?: Forwarding; readonly tunnel?: Tunnel } {
  const tunnel = typeof text === "string" ? readTunnel(attempted, text) : undefined;
  const forwarding = typeof forward === "string"
    ? oneOf({ attempted, what: "forwarding method", value: forward }, forwardings)
    : undefined;
  if (tunnel !== undefined && forwarding !== undefined && forwarding !== "tunnel") {
    throw usage(
      attempted,
      `--tunnel does not go with --forward ${forwarding}`,
      "leave one of them out",
    );
  }
  return {
    ...(forwarding !== undefined || tunnel !== undefined
      ? { forwarding: forwarding ?? "tunnel" }
      : {}),
    ...(tunnel === undefined ? {} : { tunnel }),
  };
}

function readTunnel(attempted: string, text: string): Tunnel {
  const tunnel = parseTunnel(text);
  if (typeof tunnel !== "string") return tunnel;
  throw usage(attempted, tunnel, "for example --tunnel gue:6080 or --tunnel gre,csum");
}

/** What `--weight`, `--upper` and `--lower` say. */
export interface LimitOptions {
  readonly weight?: string | false;
  readonly upper?: string | false;
  readonly lower?: string | false;
}

/** Weight and connection thresholds, as far as they are named. */
export function readLimits(
  attempted: string,
  options: LimitOptions,
): { readonly weight?: number; readonly upper?: number; readonly lower?: number } {
  const limits: { weight?: number; upper?: number; lower?: number } = {};
  for (const key of ["weight", "upper", "lower"] as const) {
    const text = options[key];
    if (typeof text !== "string") continue;
    const max = key === "weight" ? WEIGHT_MAX : THRESHOLD_MAX;
    limits[key] = readNumber(attempted, { option: `--${key}`, text, min: 0, max });
  }
  return limits;
}

/** Refuses an order that changes nothing. */
export function refuseNoChange(attempted: string, change: object, verb: string): void {
  if (Object.keys(change).length > 0) return;
  throw usage(attempted, "no change is named", `see \`troop ${verb} --help\``);
}
