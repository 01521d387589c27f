/**
 * What makes one content of the document another: entries that are added, changed and removed, and the edits that do it.
 */
import { canonicalJson } from "../canonical.ts";
import type { ClusterDocument, Edit, Move, NodeEntry } from "./document.ts";
import type { Drain } from "./drain.ts";
import { activeDrains, type Section } from "../file/write.ts";
import type { ServerEntry } from "../service/server.ts";
import type { Service } from "../service/service.ts";
import type { SettingName } from "./settings.ts";
import type { VipEntry } from "./vip.ts";

/** What an entry of a part is. */
interface Values {
  readonly settings: string;
  readonly vips: VipEntry;
  readonly services: Service;
  readonly servers: ServerEntry;
  readonly drains: Drain;
  readonly moves: Move;
  readonly nodes: NodeEntry;
}

/** A part of the document. Files describe all but the last two. */
export type ChangedPart = keyof Values;

/** One entry before and after; undefined: it is not there. */
export type EntryChange = {
  readonly [Part in ChangedPart]: {
    readonly part: Part;
    readonly key: string;
    readonly before: Values[Part] | undefined;
    readonly after: Values[Part] | undefined;
  };
}[ChangedPart];

/** The parts of a document that are compared. */
export type Described = Pick<
  ClusterDocument,
  "settings" | "vips" | "services" | "servers" | "drains"
>;

/** The changes from one to the other in these sections, in the order of the file. */
export function differences(
  before: Described,
  after: Described,
  { sections, wallMs }: { readonly sections: ReadonlySet<Section>; readonly wallMs: number },
): EntryChange[] {
  const has = (section: Section) => sections.has(section);
  return [
    ...(has("settings") ? changed("settings", before.settings, after.settings) : []),
    ...(has("vips") ? changed("vips", before.vips, after.vips) : []),
    ...(has("services") ? changed("services", before.services, after.services) : []),
    ...(has("services") ? changed("servers", flat(before.servers), flat(after.servers)) : []),
    ...(has("drains") ? changed("drains", active(before, wallMs), active(after, wallMs)) : []),
  ] as EntryChange[];
}

function active(described: Described, wallMs: number): Map<string, Drain> {
  const kept = new Set(activeDrains(described, wallMs));
  return new Map([...described.drains].filter(([, drain]) => kept.has(drain)));
}

/** Servers that are just being removed are as good as gone. */
function flat(servers: ClusterDocument["servers"]): Map<string, ServerEntry> {
  const all = new Map<string, ServerEntry>();
  for (const entries of servers.values()) {
    for (const [key, entry] of entries) if (!entry.off) all.set(key, entry);
  }
  return all;
}

function changed<Part extends ChangedPart>(
  part: Part,
  before: ReadonlyMap<string, Values[Part]>,
  after: ReadonlyMap<string, Values[Part]>,
) {
  const keys = [...new Set([...before.keys(), ...after.keys()])].sort();
  return keys.flatMap((key) => {
    const [was, is] = [before.get(key), after.get(key)];
    if (canonicalJson(was ?? null) === canonicalJson(is ?? null)) return [];
    return [{ part, key, before: was, after: is }];
  });
}

/** Whether any entry goes. */
export function removesAny(changes: readonly EntryChange[]): boolean {
  return changes.some(({ after }) => after === undefined);
}

/** The edits that make the changes. `wallMs`: now, for drains that are lifted. */
export function editsOf(changes: readonly EntryChange[], wallMs: number): Edit[] {
  const gone = new Set(
    changes.filter(({ part, after }) => part === "services" && after === undefined)
      .map(({ key }) => key),
  );
  return changes.flatMap((change): Edit[] => {
    switch (change.part) {
      case "settings": {
        const name = change.key as SettingName;
        return [
          change.after === undefined
            ? { kind: "removeSetting", name }
            : { kind: "putSetting", name, value: change.after },
        ];
      }
      case "vips":
        return [
          change.after === undefined
            ? { kind: "removeVip", address: change.key }
            : { kind: "putVip", vip: change.after },
        ];
      case "services":
        return [
          change.after === undefined
            ? { kind: "removeService", key: change.key }
            : { kind: "putService", service: change.after },
        ];
      case "servers":
        return [
          change.after === undefined
            ? { kind: "removeServer", key: change.key }
            : { kind: "putServer", server: change.after },
        ];
      case "drains": {
        if (change.after !== undefined) return [{ kind: "putDrain", drain: change.after }];
        // It stays for a while as lifted, so that every node learns of it; with its service it goes at once.
        if (change.before === undefined || gone.has(change.before.service ?? "")) return [];
        return [{ kind: "putDrain", drain: { ...change.before, on: false, sinceMs: wallMs } }];
      }
      case "moves":
        return change.after === undefined ? [] : [{ kind: "putMove", move: change.after }];
      case "nodes":
        return change.after === undefined
          ? []
          : [{ kind: "putNode", id: change.key, entry: change.after }];
    }
  });
}
