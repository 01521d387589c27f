/**
 * A file made into what the cluster is to have: every mistake in it is told with its place, all of them at once.
 *
 * The file is the whole truth for the sections that stand in it. A section that does not stand in it is left alone;
 * within a section, what is not said is gone, or has its standard.
 */
import type { ClusterDocument } from "../document/document.ts";
import { type Drain, drainKey, drainSchema } from "../document/drain.ts";
import { type ServerEntry, serverEntrySchema, serverKey } from "../service/server.ts";
import {
  formatServiceName,
  parseServiceName,
  type Service,
  serviceKey,
  type ServiceName,
} from "../service/service.ts";
import {
  isSettingName,
  type SettingName,
  settingNames,
  settingSpecs,
} from "../document/settings.ts";
import { type VipEntry, vipEntrySchema } from "../document/vip.ts";
import {
  drainFields,
  readAddress,
  readServerText,
  serverFields,
  unknownNode,
  vipFields,
} from "./entries.ts";
import { readFields, readText, readTexts } from "./field.ts";
import type { NodeNames } from "./names.ts";
import { readServiceEntry } from "./service_entry.ts";
import {
  entriesOf,
  type FileEntry,
  type FileNode,
  itemsOf,
  type Mistake,
  Mistakes,
  type Place,
} from "./tree.ts";
import { FILE_FORMAT, type Section, sections } from "./write.ts";

/** What the file is read against. */
export interface ReadContext {
  /** What the cluster has now. */
  readonly current: ClusterDocument;
  readonly names: NodeNames;
  /** Now, for drains that do not say since when. */
  readonly wallMs: number;
}

/** What a file wants, and where it says so. */
export interface FileContent {
  readonly present: ReadonlySet<Section>;
  readonly settings: ReadonlyMap<SettingName, string>;
  readonly vips: ReadonlyMap<string, VipEntry>;
  readonly services: ReadonlyMap<string, Service>;
  readonly servers: ReadonlyMap<string, ReadonlyMap<string, ServerEntry>>;
  readonly drains: ReadonlyMap<string, Drain>;
  /** Place of an entry, by section and key; servers by theirs. */
  readonly places: ReadonlyMap<string, Place>;
  readonly mistakes: readonly Mistake[];
}

/** Reads the file's tree. The content counts only when there is no mistake. */
export function readDocument(root: FileNode, context: ReadContext): FileContent {
  const reader = new Reader(context);
  const top = entriesOf(root, "the file", reader.mistakes);
  const format = top.find(({ key }) => key === "troop");
  if (format === undefined) {
    if (root.kind === "map" || root.kind === "null") {
      reader.mistakes.add(root.at, `the first line must be \`troop: ${FILE_FORMAT}\``);
    }
  } else if (format.value.kind !== "text" || format.value.text !== String(FILE_FORMAT)) {
    const text = format.value.kind === "text" ? format.value.text : "";
    reader.mistakes.add(
      format.value.at,
      `this version of troop knows format ${FILE_FORMAT}, not "${text}"`,
    );
  }
  const section = (name: Section) => {
    const found = top.find(({ key }) => key === name);
    if (found !== undefined) reader.present.add(name);
    return found?.value;
  };
  for (const { key, at } of top) {
    if (key === "troop" || sections.includes(key as Section)) continue;
    reader.mistakes.add(at, `there is no section "${key}": there are ${sections.join(", ")}`);
  }
  reader.settingsOf(section("settings"));
  reader.vipsOf(section("vips"));
  reader.servicesOf(section("services"));
  reader.drainsOf(section("drains"));
  return { ...reader, mistakes: reader.mistakes.list() };
}

class Reader {
  readonly #context: ReadContext;
  readonly mistakes = new Mistakes();
  readonly present = new Set<Section>();
  readonly settings = new Map<SettingName, string>();
  readonly vips = new Map<string, VipEntry>();
  readonly services = new Map<string, Service>();
  readonly servers = new Map<string, Map<string, ServerEntry>>();
  readonly drains = new Map<string, Drain>();
  readonly places = new Map<string, Place>();

  constructor(context: ReadContext) {
    this.#context = context;
  }

  settingsOf(node: FileNode | undefined): void {
    if (node === undefined) return;
    for (const { key, at, value } of entriesOf(node, "settings", this.mistakes)) {
      if (!isSettingName(key)) {
        this.mistakes.add(at, `there is no setting "${key}": there are ${settingNames.join(", ")}`);
        continue;
      }
      const { read, takes } = settingSpecs[key];
      const reading = readText(value, (text) => {
        const canonical = read(text);
        return canonical === undefined
          ? { problem: `"${text}" is not accepted: it takes ${takes}` }
          : { value: canonical };
      });
      if ("problem" in reading) this.mistakes.add(value.at, `${key}: ${reading.problem}`);
      else this.#take("settings", this.settings, { key, value: reading.value as string, at });
    }
  }

  vipsOf(node: FileNode | undefined): void {
    if (node === undefined) return;
    for (const entry of entriesOf(node, "vips", this.mistakes)) {
      const address = readAddress(entry.key);
      if ("problem" in address) {
        this.mistakes.add(entry.at, address.problem);
        continue;
      }
      const entries = entriesOf(entry.value, "a VIP", this.mistakes);
      const fields = readFields(entries, vipFields, {
        what: "a VIP",
        others: ["prefer"],
        mistakes: this.mistakes,
      });
      const prefer = this.#prefer(entries.find(({ key }) => key === "prefer")?.value);
      const parsed = vipEntrySchema.safeParse({ ...fields, address: address.value, prefer });
      if (parsed.success) {
        const { address: key } = parsed.data;
        this.#take("vips", this.vips, { key, value: parsed.data, at: entry.at });
      } else {
        this.mistakes.add(entry.at, `${entry.key} ${parsed.error.issues[0]?.message}`);
      }
    }
  }

  #prefer(node: FileNode | undefined): string[] {
    if (node === undefined) return [];
    const ids: string[] = [];
    for (const { text, at } of readTexts(node, "prefer", this.mistakes)) {
      const id = this.#context.names.idOf(text);
      if (id === undefined) {
        this.mistakes.add(at, `prefer: ${unknownNode(text, this.#context.names)}`);
      } else if (ids.includes(id)) this.mistakes.add(at, `prefer: "${text}" is named twice`);
      else ids.push(id);
    }
    return ids;
  }

  servicesOf(node: FileNode | undefined): void {
    if (node === undefined) return;
    for (const entry of entriesOf(node, "services", this.mistakes)) {
      const name = parseServiceName(entry.key);
      if (name === undefined) {
        this.mistakes.add(
          entry.at,
          `"${entry.key}" is not VIP:PORT: write for example 192.0.2.100:80, 192.0.2.100:53/udp, ` +
            '"[2001:db8::100]:80" or fwmark:1',
        );
        continue;
      }
      this.#service(name, entry);
    }
  }

  #service(name: ServiceName, entry: FileEntry): void {
    const { mistakes } = this;
    const entries = entriesOf(entry.value, "a service", mistakes);
    const before = this.#context.current.services.get(serviceKey(name));
    const service = readServiceEntry({ name, entry, entries, before, mistakes }) ?? null;
    const known = new Map<string, ServerEntry>();
    if (service !== null) {
      const key = serviceKey(service);
      if (!this.#take("services", this.services, { key, value: service, at: entry.at })) return;
    }
    const servers = entries.find((item) => item.key === "servers");
    if (servers === undefined) return;
    for (const item of entriesOf(servers.value, "servers", mistakes)) {
      this.#server(service, item, known);
    }
    if (service !== null && known.size > 0) this.servers.set(serviceKey(service), known);
  }

  /** Of a service that is wrong itself the servers are looked at all the same, and not kept. */
  #server(service: Service | null, entry: FileEntry, known: Map<string, ServerEntry>): void {
    const { mistakes } = this;
    const target = readServerText(entry.key, service, this.#context.names);
    if (typeof target === "string") mistakes.add(entry.at, target);
    const entries = entriesOf(entry.value, "a server", mistakes);
    const fields = readFields(entries, serverFields, { what: "a server", mistakes });
    if (typeof target === "string" || service === null) return;
    if (fields["tunnel"] !== undefined) fields["forwarding"] ??= "tunnel";
    const parsed = serverEntrySchema.safeParse({
      ...fields,
      service: serviceKey(service),
      target,
    });
    if (!parsed.success) {
      return mistakes.add(entry.at, parsed.error.issues[0]?.message ?? "is not valid");
    }
    const key = serverKey(parsed.data);
    this.#take("servers", known, { key, value: parsed.data, at: entry.at });
  }

  drainsOf(node: FileNode | undefined): void {
    if (node === undefined) return;
    for (const item of itemsOf(node, "drains", this.mistakes)) this.#drain(item);
  }

  /** Services a drain can name: those that are there when the file is applied. */
  #known(): ReadonlyMap<string, Service> {
    return this.present.has("services") ? this.services : this.#context.current.services;
  }

  #drain(node: FileNode): void {
    const { mistakes } = this;
    const { names, wallMs, current } = this.#context;
    const wrong = mistakes.count;
    const entries = entriesOf(node, "a drain", mistakes);
    const fields = readFields(entries, drainFields(this.#known()), {
      what: "a drain",
      others: ["server"],
      mistakes,
    });
    const server = entries.find(({ key }) => key === "server")?.value;
    if (server?.kind !== "text") return mistakes.add(node.at, "a drain must say of which server");
    const key = fields["service"] as string | undefined;
    const service = key === undefined ? null : this.#known().get(key);
    if (service === undefined) {
      // What is wrong with the service itself was told there.
      if (mistakes.count === 0) mistakes.add(node.at, `there is no service ${key}`);
      return;
    }
    const target = readServerText(server.text, service, names);
    if (typeof target === "string") return mistakes.add(server.at, target);
    const place = { service: service === null ? null : serviceKey(service), target };
    const before = current.drains.get(drainKey(place));
    const sinceMs = fields["sinceMs"] ?? (before?.on ? before.sinceMs : wallMs);
    const parsed = drainSchema.safeParse({ untilMs: null, ...fields, ...place, on: true, sinceMs });
    if (!parsed.success) {
      return mistakes.add(node.at, parsed.error.issues[0]?.message ?? "is not valid");
    }
    if (parsed.data.untilMs !== null && parsed.data.untilMs <= wallMs) {
      return mistakes.add(node.at, "until: its end has passed");
    }
    if (mistakes.count > wrong) return;
    this.#take("drains", this.drains, { key: drainKey(place), value: parsed.data, at: node.at });
  }

  /** Keeps an entry and its place; two spellings of one name are a mistake. */
  #take<Key extends string, Value>(
    part: string,
    entries: Map<Key, Value>,
    { key, value, at }: { readonly key: Key; readonly value: Value; readonly at: Place },
  ): boolean {
    const first = this.places.get(`${part} ${key}`);
    if (first !== undefined) {
      this.mistakes.add(at, `it stands there already, in line ${first.line}`);
      return false;
    }
    this.places.set(`${part} ${key}`, at);
    entries.set(key, value);
    return true;
  }
}

/** How a service is named in a file, by its key; the key itself when it is none. */
export function serviceText(key: string, services: ReadonlyMap<string, Service>): string {
  const service = services.get(key);
  return service === undefined ? key : formatServiceName(service);
}
