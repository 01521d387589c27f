/**
 * What all operations share: what they work on, and how they refuse.
 */
import type { Check } from "../core/check.ts";
import type { EventQuery, TroopEvent } from "../core/event.ts";
import type { NodeId } from "../core/document.ts";
import type { ServerEntry } from "../core/server.ts";
import { Refusal } from "../core/refusal.ts";
import { type Service, serviceKey, type ServiceName } from "../core/service.ts";
import type { EditReceipt } from "../core/document_orders.ts";
import type { Connections, Counters, DocumentStore, MarkRules, Table } from "../ports.ts";
import type { Agent } from "./agent.ts";
import type { TokenTools } from "./token_operations.ts";

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
  /** Ends the agent for good after a leave: hands over, cleans, forgets. Resolves when done. */
  readonly leave: () => Promise<void>;
  /** Changes the cluster's token; left out where an agent has none. */
  readonly tokens?: TokenTools;
  /** Lets time pass while a move runs, ms. */
  readonly sleep?: (ms: number) => Promise<void>;
}

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

/** The end of a line about an edit: how far it came. */
export function sentTo({ sentTo: count }: EditReceipt): string {
  return `sent to ${count} ${count === 1 ? "peer" : "peers"}`;
}
