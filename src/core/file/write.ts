/**
 * The cluster document as a file for people: complete, in a stable order, in the words of the command line.
 *
 * Orders that are spent once they are carried out (moves) and who has left the cluster are no part of it: they are
 * about machines of one cluster, and mean nothing in another one.
 */
import type { ClusterDocument } from "../document/document.ts";
import { type Drain, drainTargetText, isDraining } from "../document/drain.ts";
import { settingNames } from "../document/settings.ts";
import { formatServiceName, type Service, serviceKey } from "../service/service.ts";
import type { ServerEntry } from "../service/server.ts";
import type { VipEntry } from "../document/vip.ts";
import { drainFields, serverFields, serverText, vipFields } from "./entries.ts";
import type { Field } from "./field.ts";
import type { NodeNames } from "./names.ts";
import { writeServiceEntry } from "./service_entry.ts";
import type { FileMap, FileValue } from "./tree.ts";

/** Version of the file's format: the value of its first key, `troop`. */
export const FILE_FORMAT = 1;
/** The sections, in the order of the file. */
export const sections = ["settings", "vips", "services", "drains"] as const;
/** See {@link sections}. */
export type Section = (typeof sections)[number];

/** How to write. */
export interface WriteOptions {
  readonly names: NodeNames;
  /** Whether secrets stand in it; else `***` in their place. */
  readonly secrets: boolean;
  /** Now, for drains that end by themselves. */
  readonly wallMs: number;
}

/** Makes the file's content. */
export function writeDocument(document: ClusterDocument, options: WriteOptions): FileMap {
  const services: Record<string, FileValue> = {};
  for (const service of document.services.values()) {
    const servers = [...document.servers.get(serviceKey(service))?.values() ?? []]
      .filter(({ off }) => !off);
    services[formatServiceName(service)] = {
      ...writeServiceEntry(service, options.secrets),
      ...(servers.length === 0 ? {} : { servers: writeServers(servers, service, options.names) }),
    };
  }
  const drains = activeDrains(document, options.wallMs);
  return {
    troop: FILE_FORMAT,
    settings: writeSettings(document),
    vips: Object.fromEntries(
      [...document.vips.values()].map((vip) => [vip.address, writeVip(vip, options.names)]),
    ),
    services,
    drains: drains.map((drain) => writeDrain(drain, document.services, options.names)),
  };
}

/** Drains that count: those of services that are gone, that were lifted or have ended do not. */
export function activeDrains(
  { drains, services }: Pick<ClusterDocument, "drains" | "services">,
  wallMs: number,
): Drain[] {
  return [...drains.values()].filter((drain) =>
    isDraining(drain, wallMs) && (drain.service === null || services.has(drain.service))
  );
}

function writeSettings({ settings }: ClusterDocument): FileMap {
  const known = settingNames.filter((name) => settings.has(name));
  return Object.fromEntries(known.map((name) => {
    const text = settings.get(name) ?? "";
    return [name, /^(0|[1-9]\d{0,9})$/.test(text) ? Number(text) : text];
  }));
}

function writeServers(
  servers: readonly ServerEntry[],
  service: Service,
  names: NodeNames,
): FileMap {
  return Object.fromEntries(
    servers.map((entry) => [serverText(entry, service, names), writeServer(entry)]),
  );
}

/** What is said of a server. */
export function writeServer(entry: ServerEntry): FileMap {
  return written(entry, serverFields);
}

/** What is said of a VIP. */
export function writeVip(entry: VipEntry, names: NodeNames): FileMap {
  const prefer = entry.prefer.map(names.nameOf);
  return { ...written(entry, vipFields), ...(prefer.length === 0 ? {} : { prefer }) };
}

/** A drain and whom it is about. */
export function writeDrain(
  drain: Drain,
  services: ReadonlyMap<string, Service>,
  names: NodeNames,
): FileMap {
  const { target } = drain;
  const server = "node" in target ? names.nameOf(target.node) : drainTargetText(target);
  return { server, ...written(drain, drainFields(services)) };
}

function written<Entry>(entry: Entry, fields: readonly Field<Entry>[]): FileMap {
  return Object.fromEntries(
    fields.flatMap(({ name, write }) => {
      const value = write(entry);
      return value === undefined ? [] : [[name, value] as const];
    }),
  );
}
