/**
 * The validated content of a replica, kept up to date key by key: a change costs what it changes, not what
 * the document holds. What is not valid or over a limit is left out, the same on every replica, and told.
 */
import type * as Y from "yjs";
import type { Ip } from "../../core/address.ts";
import type { ClusterDocument, Move, NodeEntry, NodeId } from "../../core/document/document.ts";
import type { Drain, DrainKey } from "../../core/document/drain.ts";
import { DRAINS_MAX, SERVERS_MAX, SERVICES_MAX, VIPS_MAX } from "../../core/limits.ts";
import { keyedService, type ServerEntry, type ServerKey } from "../../core/service/server.ts";
import { type Service, type ServiceKey, vipsOfService } from "../../core/service/service.ts";
import type { SettingName } from "../../core/document/settings.ts";
import type { VipEntry } from "../../core/document/vip.ts";
import { type Entry, judge, NODE_ENTRIES_MAX, type Part, partNames } from "./document_entry.ts";
import { HISTORY_PART } from "./document_history.ts";
import { firstOf, SortedEntries } from "./sorted_entries.ts";
import { WrittenValues } from "./written_values.ts";

/** An entry that was left out of the content, and why. */
export interface SkippedEntry {
  readonly part: Part;
  readonly key: string;
  readonly problem: string;
}

/** The content of a replica. */
export interface ReplicaContent {
  readonly document: ClusterDocument;
  readonly skipped: readonly SkippedEntry[];
}

type Limited = Pick<ClusterDocument, "services" | "vips">;
type Servers = ClusterDocument["servers"];

/** What is left within a limit, and what is over it. */
interface Within<Content> {
  readonly content: Content;
  readonly skipped: readonly SkippedEntry[];
}

/** The parts of a replica's document, by key. Follows one replica from its empty beginning. */
export class ContentTracker {
  readonly #parts: { readonly [P in Exclude<Part, "servers">]: SortedEntries<Entry<P>> } = {
    services: new SortedEntries(),
    vips: new SortedEntries(),
    settings: new SortedEntries(),
    moves: new SortedEntries(),
    nodes: new SortedEntries(),
    drains: new SortedEntries(),
  };
  readonly #servers = new Map<ServiceKey, SortedEntries<ServerEntry>>();
  /** Everything there is, valid or not: what limits count. */
  readonly #written: Readonly<Record<Part, WrittenValues>>;
  /** The keys of servers by service. */
  readonly #serverKeys = new Map<ServiceKey, Set<ServerKey>>();
  /** How many services and entries need a VIP. */
  readonly #vipUses = new Map<Ip, number>();
  readonly #invalid = new Map<string, SkippedEntry>();
  /** Counts changes of valid servers. */
  #serverChanges = 0;
  #content: ReplicaContent | undefined;
  readonly #limited = remember(withinVips);
  readonly #withinMoves = remember((moves: ReadonlyMap<Ip, Move>) =>
    within("moves", moves, VIPS_MAX)
  );
  readonly #withinNodes = remember((nodes: ReadonlyMap<NodeId, NodeEntry>) =>
    within("nodes", nodes, NODE_ENTRIES_MAX)
  );
  readonly #withinDrains = remember((drains: ReadonlyMap<DrainKey, Drain>) =>
    within("drains", drains, DRAINS_MAX)
  );
  readonly #withinServers = remember(
    (services: Limited["services"], _change: number, last: Servers) =>
      withinServers({ services, last, servers: this.#servers }),
  );
  #lastServers: Servers = new Map();

  readonly #replica: Y.Doc;

  constructor(replica: Y.Doc) {
    this.#replica = replica;
    const parts = new Map<unknown, Part>(
      partNames.map((part) => [replica.getMap(part), part]),
    );
    this.#written = Object.fromEntries(
      partNames.map((part) => [part, new WrittenValues(replica.getMap(part))]),
    ) as Record<Part, WrittenValues>;
    replica.on("afterTransaction", ({ changed }) => {
      for (const [type, keys] of changed) {
        const part = parts.get(type);
        // A part that only a later version knows: how many entries it has is told.
        if (part === undefined) this.#content = undefined;
        if (part === undefined) continue;
        for (const key of this.#written[part].refresh(keys)) this.#take(part, key);
      }
    });
  }

  /** The content. Parts that have not changed since the last time are the same objects. */
  read(): ReplicaContent {
    return this.#content ??= this.#make();
  }

  /** The entries of a part as they are written in the replica, valid or not. */
  written(part: Part): WrittenValues {
    return this.#written[part];
  }

  /** Keys of the servers of a service, valid or not, whether the service is there or not. */
  serverKeys(service: ServiceKey): Iterable<ServerKey> {
    return this.#serverKeys.get(service) ?? [];
  }

  /** How many services and entries need a VIP. */
  vipUses(vip: Ip): number {
    return this.#vipUses.get(vip) ?? 0;
  }

  /** VIPs that anything needs. */
  vipCount(): number {
    return this.#vipUses.size;
  }

  /** The VIPs one entry needs; none when it is not there or not valid. */
  vipsOfEntry(part: Part, key: string): readonly Ip[] {
    return part === "services" || part === "vips"
      ? vipsNeeded(part, this.#parts[part].get(key))
      : [];
  }

  #take(part: Part, key: string): void {
    this.#content = undefined;
    const written = this.#written[part];
    const judged = written.has(key) ? judge(part, key, written.get(key)) : undefined;
    const entry = judged !== undefined && "entry" in judged ? judged.entry : undefined;
    if (part === "servers") note(this.#serverKeys, keyedService(key), key, judged !== undefined);
    if (judged !== undefined && "problem" in judged) {
      this.#invalid.set(`${part} ${key}`, { part, key, problem: judged.problem });
    } else {
      this.#invalid.delete(`${part} ${key}`);
    }
    if (part === "servers") return this.#putServer(key, entry as ServerEntry | undefined);
    this.#countVips(this.vipsOfEntry(part, key), -1);
    (this.#parts[part] as SortedEntries<unknown>).put(key, entry);
    this.#countVips(this.vipsOfEntry(part, key), 1);
  }

  #putServer(key: ServerKey, entry: ServerEntry | undefined): void {
    const service = keyedService(key);
    const entries = this.#servers.get(service) ?? new SortedEntries<ServerEntry>();
    if (entries.get(key) !== entry) this.#serverChanges++;
    entries.put(key, entry);
    if (entries.size > 0) this.#servers.set(service, entries);
    else this.#servers.delete(service);
  }

  #countVips(vips: readonly Ip[], difference: 1 | -1): void {
    for (const vip of vips) {
      const uses = this.vipUses(vip) + difference;
      if (uses > 0) this.#vipUses.set(vip, uses);
      else this.#vipUses.delete(vip);
    }
  }

  /** Of a document within its limits nothing is looked at. */
  #withinVips(): Within<Limited> {
    const services = this.#parts.services.read();
    const vips = this.#parts.vips.read();
    return services.size <= SERVICES_MAX && this.vipCount() <= VIPS_MAX
      ? { content: { services, vips }, skipped: [] }
      : this.#limited(services, vips);
  }

  #make(): ReplicaContent {
    const parts = this.#parts;
    const limited = this.#withinVips();
    const { services, vips } = limited.content;
    const servers = this.#withinServers(services, this.#serverChanges, this.#lastServers);
    this.#lastServers = servers.content;
    const moves = this.#withinMoves(parts.moves.read());
    const nodes = this.#withinNodes(parts.nodes.read());
    const drains = this.#withinDrains(parts.drains.read());
    const idle = this.#invalid.size + laterEntries(this.#replica);
    return {
      document: {
        ...(idle === 0 ? {} : { idle }),
        services,
        servers: servers.content,
        vips,
        settings: parts.settings.read() as ReadonlyMap<SettingName, string>,
        moves: moves.content,
        nodes: nodes.content,
        drains: drains.content,
      },
      skipped: [
        this.#invalid.values(),
        limited.skipped,
        servers.skipped,
        moves.skipped,
        nodes.skipped,
        drains.skipped,
      ]
        .flatMap((entries) => [...entries]),
    };
  }
}

/** Entries of parts that this version does not know. */
function laterEntries({ share }: Y.Doc): number {
  let count = 0;
  for (const [name, type] of share) {
    // The history of edits is this version's own, and no part of the content.
    if (name === HISTORY_PART || (partNames as readonly string[]).includes(name)) continue;
    for (const item of type._map.values()) if (!item.deleted) count++;
    count += type._length;
  }
  return count;
}

/** Makes anew only when an input is another one than the last time. */
function remember<Inputs extends readonly unknown[], Output>(
  make: (...inputs: Inputs) => Output,
): (...inputs: Inputs) => Output {
  let last: { readonly inputs: Inputs; readonly output: Output } | undefined;
  return (...inputs) => {
    if (last === undefined || inputs.some((input, index) => input !== last?.inputs[index])) {
      last = { inputs, output: make(...inputs) };
    }
    return last.output;
  };
}

function note<Key>(sets: Map<Key, Set<string>>, key: Key, member: string, present: boolean): void {
  const set = sets.get(key) ?? new Set();
  if (present) set.add(member);
  else set.delete(member);
  if (set.size > 0) sets.set(key, set);
  else sets.delete(key);
}

/** The VIPs that a valid service or VIP entry needs. */
export function vipsNeeded(part: "services" | "vips", entry: unknown): readonly Ip[] {
  if (entry === undefined) return [];
  return part === "vips" ? [(entry as VipEntry).address] : vipsOfService(entry as Service);
}

function within<Value>(
  part: Part,
  entries: ReadonlyMap<string, Value>,
  max: number,
): Within<ReadonlyMap<string, Value>> {
  const content = firstOf(entries, max);
  if (content === entries) return { content, skipped: [] };
  const skipped = [...entries.keys()].slice(max)
    .map((key) => ({ part, key, problem: `is one more than ${max}` }));
  return { content, skipped };
}

/** Services before entries: an entry about a VIP without a service decides nothing. */
function withinVips(
  allServices: Limited["services"],
  allVips: Limited["vips"],
): Within<Limited> {
  const { content: services, skipped: excess } = within("services", allServices, SERVICES_MAX);
  const skipped = [...excess];
  const room = new Set<Ip>();
  const take = (part: "services" | "vips", key: string, needed: readonly Ip[]): boolean => {
    const more = needed.filter((vip) => !room.has(vip));
    if (room.size + more.length > VIPS_MAX) {
      skipped.push({ part, key, problem: `needs one more VIP than ${VIPS_MAX}` });
      return false;
    }
    for (const vip of more) room.add(vip);
    return true;
  };
  const content = {
    services: keep(services, (key, service) => take("services", key, vipsOfService(service))),
    vips: keep(allVips, (key) => take("vips", key, [key])),
  };
  return { content, skipped };
}

/** The entries that are to be kept: the same object when that is all of them. */
function keep<Value>(
  entries: ReadonlyMap<string, Value>,
  wanted: (key: string, value: Value) => boolean,
): ReadonlyMap<string, Value> {
  const kept = new Map<string, Value>();
  for (const [key, value] of entries) if (wanted(key, value)) kept.set(key, value);
  return kept.size === entries.size ? entries : kept;
}

interface ServerParts {
  readonly services: Limited["services"];
  readonly servers: ReadonlyMap<ServiceKey, SortedEntries<ServerEntry>>;
  readonly last: Servers;
}

/**
 * The servers of services that are there. The limit counts those of others too: what a merge has brought back
 * takes room until its service is removed once more.
 */
function withinServers({ services, servers, last }: ServerParts): Within<Servers> {
  let count = 0;
  for (const entries of servers.values()) count += entries.size;
  const skipped: SkippedEntry[] = [];
  const allowed = count > SERVERS_MAX ? firstServers(servers, skipped) : undefined;
  const content = new Map<ServiceKey, ReadonlyMap<ServerKey, ServerEntry>>();
  let same = true;
  for (const service of services.keys()) {
    const entries = allowed === undefined ? servers.get(service)?.read() : allowed.get(service);
    if (entries === undefined || entries.size === 0) continue;
    content.set(service, entries);
    same &&= last.get(service) === entries;
  }
  return { content: same && content.size === last.size ? last : content, skipped };
}

/** As many servers as the limit allows, service by service. */
function firstServers(
  servers: ServerParts["servers"],
  skipped: SkippedEntry[],
): Map<ServiceKey, ReadonlyMap<ServerKey, ServerEntry>> {
  const allowed = new Map<ServiceKey, ReadonlyMap<ServerKey, ServerEntry>>();
  let room = SERVERS_MAX;
  for (const service of [...servers.keys()].sort()) {
    const entries = servers.get(service)?.read() ?? new Map<ServerKey, ServerEntry>();
    for (const key of [...entries.keys()].slice(room)) {
      skipped.push({ part: "servers", key, problem: `is one more than ${SERVERS_MAX}` });
    }
    allowed.set(service, firstOf(entries, room));
    room = Math.max(0, room - entries.size);
  }
  return allowed;
}
