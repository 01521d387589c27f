/**
 * The events of the bench: each is caused on a fresh cluster under the client's eyes, and measured by
 * what the client saw.
 */
import { Connections } from "../lab/connections.ts";
import type { Host } from "../lab/host.ts";
import { Load, type LoadSummary } from "../lab/load.ts";
import {
  awaitHolder,
  holders,
  type RunningSubject,
  type Subject,
  type TestBed,
  VIP,
} from "./subject.ts";
import { makeTestBed } from "./subject.ts";

/** The client works in peace this long, ms, then the event happens. */
const BEFORE_MS = 4_000;
/** The client is watched this long after the event, ms: longer than any subject needs to take over. */
const AFTER_MS = 6_000;
/** Open connections in the event about them. */
const CONNECTIONS = 20;

/** What is done to a cluster, and where. */
interface Scene {
  readonly bed: TestBed;
  readonly running: RunningSubject;
  readonly holder: Host;
  readonly other: Host;
}

/** An event that requests are counted through. */
export interface BenchEvent {
  readonly name: string;
  /** Part of a folder's name. */
  readonly slug: string;
  cause(scene: Scene): Promise<unknown>;
  /** Whether it leaves the old holder where nobody reaches it. */
  readonly isolates?: boolean;
  /** Whether a subject can do this at all; absent means all can. */
  possible?(running: RunningSubject): boolean;
}

/** The events of the published table, in its order. */
export const events = {
  cut: {
    slug: "cut",
    name: "holder cut off the network",
    cause: ({ bed, holder }) => bed.lab.cut(holder),
    isolates: true,
  },
  kill: {
    slug: "kill",
    name: "agent killed with -9 on the holder",
    cause: ({ running, holder }) => running.agents.get(holder.name)!.end("SIGKILL"),
  },
  terminate: {
    slug: "terminate",
    name: "SIGTERM to the agent on the holder",
    cause: ({ running, holder }) => running.agents.get(holder.name)!.end("SIGTERM"),
  },
  move: {
    slug: "move",
    name: "planned move of the VIP",
    cause: ({ running, other }) => running.moveVip!(other),
    possible: (running) => running.moveVip !== null,
  },
  webServer: {
    slug: "web-server",
    name: "web server killed on the other node",
    cause: ({ bed, other }) => bed.webServers.get(other.name)!.end("SIGKILL"),
  },
} satisfies Record<string, BenchEvent>;

/** A measured event. */
export interface Measurement extends LoadSummary {
  readonly subject: string;
  readonly event: string;
  /** Nodes that have the VIP on an interface at the end. */
  readonly holdersAfter: number;
  /** Of those, the nodes the client can reach. */
  readonly reachableHolders: number;
}

/** Causes the event on a fresh cluster of the subject; null when the subject does not know it. */
export async function measure(subject: Subject, event: BenchEvent): Promise<Measurement | null> {
  await using bed = await makeTestBed(`bench-${subject.slug}-${event.slug}`);
  const running = await subject.start(bed);
  if (event.possible?.(running) === false) return null;
  const { holder, other } = await awaitHolder(bed);
  const load = await Load.start(bed.client, { address: VIP });
  await Bun.sleep(BEFORE_MS);
  const caused = event.cause({ bed, running, holder, other });
  await Promise.all([caused, Bun.sleep(AFTER_MS)]);
  const summary = await load.stop();
  const after = await holders(bed);
  const reachable = event.isolates === true ? after.filter((node) => node !== holder) : after;
  return {
    subject: subject.name,
    event: event.name,
    ...summary,
    holdersAfter: after.length,
    reachableHolders: reachable.length,
  };
}

/** Open connections, and how many of those to the surviving server went on. */
export interface ConnectionMeasurement {
  readonly subject: string;
  readonly opened: number;
  readonly alive: number;
}

/** Cuts the holder off while connections through it are open. */
export async function measureConnections(subject: Subject): Promise<ConnectionMeasurement> {
  await using bed = await makeTestBed(`bench-${subject.slug}-connections`);
  await subject.start(bed);
  const { holder, other } = await awaitHolder(bed);
  const connections = await Connections.start(bed.client, { address: VIP, count: CONNECTIONS });
  await Bun.sleep(BEFORE_MS);
  await bed.lab.cut(holder);
  await Bun.sleep(2 * AFTER_MS);
  const { opened, alive } = (await connections.stop()).get(other.name) ?? { opened: 0, alive: 0 };
  return { subject: subject.name, opened, alive };
}
