/**
 * Servers, VIPs and drains of a file: their lines, in the words of `troop server`, `troop vip` and `troop drain`.
 */
import { parseIp } from "../address.ts";
import { COMMENT_LENGTH_MAX, commentSchema, type Drain } from "../document/drain.ts";
import { formatTunnel, forwardings } from "../service/forwarding.ts";
import { WEIGHT_MAX } from "../limits.ts";
import { formatServerRef, parseServerRef } from "../document/order.ts";
import { isExternal, type ServerEntry } from "../service/server.ts";
import {
  formatServiceName,
  memberPort,
  parseServiceName,
  type Service,
  serviceKey,
  THRESHOLD_MAX,
} from "../service/service.ts";
import { FAILBACK_S_MAX, type VipEntry, vipEntrySchema } from "../document/vip.ts";
import { type Field, switchField } from "./field.ts";
import {
  momentField,
  momentText,
  numberField,
  type Reading,
  secondsField,
  secondsText,
  wordField,
} from "./field_codecs.ts";
import type { NodeNames } from "./names.ts";
import { tunnelField } from "./service_fields.ts";

/** What a server says of itself; the rest is as its service says. */
export const serverFields: readonly Field<ServerEntry>[] = [
  {
    name: "weight",
    property: "weight",
    read: numberField(0, WEIGHT_MAX),
    write: ({ weight }) => weight ?? undefined,
  },
  {
    name: "forward",
    property: "forwarding",
    read: wordField(forwardings),
    write: ({ forwarding }) => forwarding ?? undefined,
  },
  {
    name: "tunnel",
    property: "tunnel",
    read: tunnelField,
    write: ({ tunnel }) => tunnel === null ? undefined : formatTunnel(tunnel),
  },
  {
    name: "upper",
    property: "upper",
    read: numberField(0, THRESHOLD_MAX),
    write: ({ upper }) => upper ?? undefined,
  },
  {
    name: "lower",
    property: "lower",
    read: numberField(0, THRESHOLD_MAX),
    write: ({ lower }) => lower ?? undefined,
  },
];

/** A server as a file names it: without the port that its service's servers have anyway. */
export function serverText(entry: ServerEntry, service: Service, names: NodeNames): string {
  if (!isExternal(entry)) return names.nameOf((entry.target as { readonly node: string }).node);
  const { address, port } = entry.target;
  return formatServerRef({ address, port: port === memberPort(service) ? null : port });
}

/** Whom a file means, or in words why nobody. */
export function readServerText(
  text: string,
  service: Service | null,
  names: NodeNames,
): ServerEntry["target"] | { readonly address: string; readonly port: null } | string {
  const ref = parseServerRef(text);
  if (ref === undefined) {
    return `"${text}" is neither an address nor a name of a node: write for example 192.0.2.21 or n2`;
  }
  if ("node" in ref) {
    const node = names.idOf(ref.node);
    return node === undefined ? unknownNode(ref.node, names) : { node };
  }
  if (service === null) return { address: ref.address, port: ref.port as null };
  return { address: ref.address, port: ref.port ?? memberPort(service) };
}

/** Says that there is no such node. */
export function unknownNode(name: string, { names }: NodeNames): string {
  return `the cluster has no node "${name}"; it has ${names.join(", ") || "none"}`;
}

const vipShape = vipEntrySchema.shape;

function shaped(property: "interface" | "label" | "group"): (text: string) => Reading {
  return (text) => {
    const parsed = vipShape[property].safeParse(text);
    if (parsed.success) return { value: parsed.data };
    return { problem: `"${text}": ${parsed.error.issues[0]?.message ?? "is not valid"}` };
  };
}

/** What is said of a VIP in one line each. `prefer` is a list: see the readers. */
export const vipFields: readonly Field<VipEntry>[] = [
  ...(["interface", "label", "group"] as const).map((property): Field<VipEntry> => ({
    name: property,
    property,
    read: shaped(property),
    write: (entry) => entry[property] ?? undefined,
  })),
  {
    name: "failback",
    property: "failbackS",
    read: secondsField(0, FAILBACK_S_MAX),
    write: ({ failbackS }) => failbackS === null ? undefined : secondsText(failbackS),
  },
];

/** An address that stands as a key. */
export function readAddress(text: string): Reading {
  const value = parseIp(text);
  return value === undefined ? { problem: `"${text}" is not an IP address` } : { value };
}

function commentField(text: string): Reading {
  const parsed = commentSchema.safeParse(text);
  if (parsed.success) return { value: text };
  return { problem: `must be one line of at most ${COMMENT_LENGTH_MAX} characters` };
}

function serviceField(text: string): Reading {
  const name = parseServiceName(text);
  return name === undefined
    ? { problem: `"${text}" is not VIP:PORT` }
    : { value: serviceKey(name) };
}

/** What is said of a drain beside whom it is about. */
export function drainFields(
  services: ReadonlyMap<string, Service>,
): readonly Field<Drain>[] {
  return [
    {
      name: "service",
      property: "service",
      read: serviceField,
      write: ({ service }) => {
        const known = service === null ? undefined : services.get(service);
        return known === undefined ? service ?? undefined : formatServiceName(known);
      },
    },
    {
      name: "comment",
      property: "comment",
      read: commentField,
      write: ({ comment }) => comment === "" ? undefined : comment,
    },
    {
      name: "since",
      property: "sinceMs",
      read: momentField,
      write: ({ sinceMs }) => momentText(sinceMs),
    },
    {
      name: "until",
      property: "untilMs",
      read: momentField,
      write: ({ untilMs }) => untilMs === null ? undefined : momentText(untilMs),
    },
    switchField("keep-vips", "keepVips", false),
  ];
}
