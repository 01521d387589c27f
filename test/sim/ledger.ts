/**
 * The book of edits that operators were told are done. One that another edit came after, made by somebody who knew it, need
 * not be found any more; of edits that did not know of each other one must be. What only a lost disk had may be gone.
 */
import { canonicalJson } from "../../src/core/canonical.ts";
import type { ClusterDocument, Edit } from "../../src/core/document/document.ts";
import { drainKey } from "../../src/core/document/drain.ts";
import { keyedService, serverKey } from "../../src/core/service/server.ts";
import { serviceKey } from "../../src/core/service/service.ts";
import type { SimNode } from "./sim_node.ts";

interface Entry {
  readonly at: SimNode;
  readonly key: string;
  /** As text; null: it was removed. */
  readonly value: string | null;
  /** Entries this one came after. */
  readonly after: readonly Entry[];
  /** The operator was told that it is done. One of which nothing was told may be there all the same. */
  acknowledged: boolean;
  /** The only disk that had it was lost. */
  lost: boolean;
}

/** What a document says of something: under which key, and how it is read. */
interface Subject {
  readonly key: string;
  readonly read: (document: ClusterDocument) => unknown;
  /** What the edit makes of it; undefined: nothing any more. */
  readonly value: unknown;
}

/** See the head of this file. */
export class Ledger {
  readonly #entries: Entry[] = [];
  readonly #readers = new Map<string, Subject["read"]>();

  /** Notes edits that a node is given; `before`: what it knows until then. Returns what notes that they are acknowledged. */
  note(at: SimNode, edits: readonly Edit[], before: ClusterDocument): () => void {
    const made = edits.map((edit): Entry => {
      const { key, read, value } = subjectOf(edit);
      this.#readers.set(key, read);
      const known = textOf(read(before));
      const after = this.#entries.filter((entry) => entry.key === key && entry.value === known);
      return { at, key, value: textOf(value), after, acknowledged: false, lost: false };
    });
    this.#entries.push(...made);
    return () => made.forEach((entry) => entry.acknowledged = true);
  }

  /** A node's disk is lost; `others`: who is left. */
  diskLost(node: SimNode, others: readonly SimNode[]): void {
    for (const entry of this.#entries) {
      const read = this.#readers.get(entry.key);
      if (read === undefined) continue;
      const has = ({ store }: SimNode) => textOf(read(store.current())) === entry.value;
      entry.lost ||= has(node) && !others.some(has);
    }
  }

  /** An acknowledged edit that is missing in a document that has merged everything, in words; null when none is. */
  missingIn(document: ClusterDocument): string | null {
    for (const [key, read] of this.#readers) {
      const entries = this.#entries.filter((entry) => entry.key === key);
      const overtaken = new Set(
        entries.filter(counts).flatMap(({ after }) => after),
      );
      const standing = entries.filter((entry) => !overtaken.has(entry));
      if (!standing.some(counts)) continue;
      const value = textOf(read(document));
      if (standing.some((entry) => entry.value === value)) continue;
      const wanted = standing.map((entry) => `${entry.at.name}: ${entry.value ?? "removed"}`);
      return `${key} is ${value ?? "missing"}, but was acknowledged as ${wanted.join(" or ")}`;
    }
    return null;
  }
}

function counts({ acknowledged, lost }: Entry): boolean {
  return acknowledged && !lost;
}

function textOf(value: unknown): string | null {
  return value === undefined ? null : canonicalJson(value);
}

function subjectOf(edit: Edit): Subject {
  switch (edit.kind) {
    case "putService":
      return subject(
        `service ${serviceKey(edit.service)}`,
        edit.service,
        (document) => document.services.get(serviceKey(edit.service)),
      );
    case "removeService":
      return subject(
        `service ${edit.key}`,
        undefined,
        (document) => document.services.get(edit.key),
      );
    case "putServer":
      return subject(
        `server ${serverKey(edit.server)}`,
        edit.server,
        readServer(serverKey(edit.server)),
      );
    case "removeServer":
      return subject(`server ${edit.key}`, undefined, readServer(edit.key));
    case "putVip":
      return subject(
        `vip ${edit.vip.address}`,
        edit.vip,
        (document) => document.vips.get(edit.vip.address),
      );
    case "removeVip":
      return subject(
        `vip ${edit.address}`,
        undefined,
        (document) => document.vips.get(edit.address),
      );
    case "putSetting":
      return subject(
        `setting ${edit.name}`,
        edit.value,
        (document) => document.settings.get(edit.name),
      );
    case "removeSetting":
      return subject(
        `setting ${edit.name}`,
        undefined,
        (document) => document.settings.get(edit.name),
      );
    case "putMove":
      return subject(
        `move ${edit.move.vip}`,
        edit.move,
        (document) => document.moves.get(edit.move.vip),
      );
    case "putNode":
      return subject(`node ${edit.id}`, edit.entry, (document) => document.nodes.get(edit.id));
    case "putDrain":
      return subject(
        `drain ${drainKey(edit.drain)}`,
        edit.drain,
        (document) => document.drains.get(drainKey(edit.drain)),
      );
    case "removeDrain":
      return subject(`drain ${edit.key}`, undefined, (document) => document.drains.get(edit.key));
  }
}

function subject(key: string, value: unknown, read: Subject["read"]): Subject {
  return { key, value, read };
}

function readServer(key: string): Subject["read"] {
  return (document) => document.servers.get(keyedService(key))?.get(key);
}
