/**
 * What all operations share: what they work on, and how they refuse.
 */
import type { Check } from "../core/check.ts";
import type { EventQuery, TroopEvent } from "../core/event.ts";
import type { Edit, NodeId } from "../core/document/document.ts";
import type { ServerEntry } from "../core/service/server.ts";
import { Refusal } from "../core/refusal.ts";
import { type Service, serviceKey, type ServiceName } from "../core/service/service.ts";
import type { EntryChange } from "../core/document/difference.ts";
import { changeLine } from "../core/document/difference_words.ts";
import type { EditOptions, EditReceipt } from "../core/document/document_orders.ts";
import { type NamedNode, nodeNames } from "../core/file/names.ts";
import type { EditNote } from "../core/document/history.ts";
import type { Peer } from "../core/state.ts";
import type { Connections, Counters, DocumentStore, MarkRules, Table } from "../ports.ts";
import type { Agent } from "./agent.ts";
import type { TokenTools } from "./token_tools.ts";

/** What operations work on. */
export interface OperationsOptions {
  readonly agent: Agent;
  readonly store: DocumentStore;
  readonly table: Table;
  readonly connections: Connections;
  readonly marks: MarkRules;
  /** Why a check cannot work with the files and programs of this machine, in words; null when it can. */
  readonly checkFiles: (check: Check) => string | null;
  readonly counters: () => Counters;
  readonly events: (query: EventQuery) => AsyncIterable<TroopEvent>;
  /** Ends the agent for good after a leave: hands over, cleans, forgets. Resolves with whether the others know it. */
  readonly leave: () => Promise<boolean>;
  /** Changes the cluster's token; left out where an agent has none. */
  readonly tokens?: TokenTools;
  /** Who asks, as the command line says; left out: nobody knows. */
  readonly user?: string;
  /** Resolves when another step of a status document may be made, among all who ask for one. */
  readonly turn: () => Promise<void>;
  /** Lets time pass while a move runs, ms. */
  readonly sleep?: (ms: number) => Promise<void>;
}

/** Nodes that a line names before it only counts. */
const NODES_TOLD = 3;

/** Lets time pass. */
export function waitMs(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Throws a {@link Refusal} with this text when something is wrong. */
export function refuseIf(wrong: boolean, text: ConstructorParameters<typeof Refusal>[0]): void {
  if (wrong) throw new Refusal(text);
}

/** Throws a {@link Refusal} when there is a problem. */
export function refuseFor(
  problem: string | null,
  text: { attempted: string; remedy: string },
): void {
  if (problem !== null) throw new Refusal({ ...text, problem });
}

/** The service of this name; throws a {@link Refusal} when there is none. */
export function serviceNamed(agent: Agent, attempted: string, name: ServiceName): Service {
  const service = agent.state.document.services.get(serviceKey(name));
  if (service !== undefined) return service;
  throw new Refusal({
    attempted,
    problem: "there is no such service",
    remedy: "see them with `troop service list`",
  });
}

/** What is said of single servers of a service. */
export function entriesOf(agent: Agent, service: ServiceName): ServerEntry[] {
  return [...agent.state.document.servers.get(serviceKey(service))?.values() ?? []];
}

/** The node of this name, dead or alive; throws a {@link Refusal} when the cluster knows none. */
export function nodeNamed(agent: Agent, attempted: string, name: string): NodeId {
  const { state } = agent;
  if (state.self.name === name) return state.self.id;
  const peers = [...state.peers.values()];
  // A machine that was set up anew has its old name and a new id: the living one is meant.
  const found = peers.filter((peer) => peer.record.name === name)
    .sort((a, b) => Number(b.life.state === "alive") - Number(a.life.state === "alive"))[0];
  if (found !== undefined) return found.record.id;
  throw new Refusal({
    attempted,
    problem: `the cluster has no node "${name}"`,
    remedy: `it has ${
      [state.self.name, ...peers.map((peer) => peer.record.name)].sort().join(", ")
    }`,
  });
}

/** What else is said of an edit. */
type More = Pick<EditOptions, "base"> & { readonly undoes?: string };

/** Edits, and says at the end of a line how far that came. */
export async function commit(
  options: OperationsOptions,
  edits: readonly Edit[],
  more: More = {},
): Promise<string> {
  return await storedWords(options.agent, await remember(options, edits, more));
}

/** Edits, so that the history has it. */
export async function remember(
  options: OperationsOptions,
  edits: readonly Edit[],
  more: More = {},
): Promise<EditReceipt> {
  const { agent, store } = options;
  const { undoes, ...rest } = more;
  const note: EditNote = {
    node: agent.state.self.name,
    user: options.user ?? "",
    ...(undoes === undefined ? {} : { undoes }),
    describe: (changes) => changeLines(agent, changes),
  };
  return await store.edit(edits, { ...rest, note });
}

/** Changes in words, one line each. */
export function changeLines(agent: Agent, changes: readonly EntryChange[]): string[] {
  const services = new Map(agent.state.document.services);
  for (const { part, key, before, after } of changes) {
    const service = part === "services" ? after ?? before : undefined;
    if (service !== undefined) services.set(key, service);
  }
  const context = { names: nodeNames(nodesByName(agent)), services };
  return changes.map((change) => changeLine(change, context));
}

/** Every node that has a name: the living ones first, those who left last. */
export function nodesByName({ state }: Agent): NamedNode[] {
  const { self, peers, document } = state;
  const known = [...peers.values()].sort((a, b) =>
    Number(b.life.state === "alive") - Number(a.life.state === "alive")
  );
  return [
    { id: self.id, name: self.name },
    ...known.map(({ record: { id, name } }) => ({ id, name })),
    ...[...document.nodes].filter(([id]) => id !== self.id && !peers.has(id))
      .map(([id, { name }]) => ({ id, name })),
  ];
}

/** How many nodes have an edit on disk, and who does not: waits a moment for those who are alive. */
async function storedWords({ state }: Agent, receipt: EditReceipt): Promise<string> {
  const peers = [...state.peers.values()].filter(({ life }) => life.state !== "left");
  const living = peers.filter(({ life }) => life.state !== "dead");
  const stored = new Set(await receipt.storedBy(living.map(({ record }) => record.id)));
  const named = (list: readonly Peer[]) => {
    const names = list.map(({ record }) => record.name).sort();
    const rest = names.length - NODES_TOLD;
    return `${names.slice(0, NODES_TOLD).join(", ")}${rest > 0 ? ` and ${rest} more` : ""}`;
  };
  const dead = peers.filter(({ life }) => life.state === "dead");
  const silent = living.filter(({ record }) => !stored.has(record.id));
  const total = peers.length + 1;
  return [
    `stored on ${stored.size + 1} of ${total} ${total === 1 ? "node" : "nodes"}`,
    ...(silent.length === 0
      ? []
      : [`${named(silent)} ${silent.length === 1 ? "has" : "have"} not confirmed it yet`]),
    ...(dead.length === 0 ? [] : [
      dead.length === 1
        ? `${named(dead)} is dead and gets it when it returns`
        : `${named(dead)} are dead and get it when they return`,
    ]),
  ].join("; ");
}
