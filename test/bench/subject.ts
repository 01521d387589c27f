/**
 * What the bench measures: a cluster of two nodes, each director and real server, run by troop or by a
 * peer. The events know nothing else of it.
 */
import type { Host } from "../lab/host.ts";
import { type HostPlan, Lab } from "../lab/lab.ts";
import type { LabProcess } from "../lab/process.ts";
import { waitFor } from "../lab/wait.ts";
import { startWebServer } from "../lab/web_server.ts";
import type { LargeTableRow } from "../lab/large_table.ts";

/** The VIP of every bench; the peers' files have it too. */
export const VIP = "192.168.6.240";
const HOLDER_LIMIT_MS = 30_000;

/** A kind of cluster, ready to be built in a fresh lab. */
export interface Subject {
  readonly name: string;
  /** Part of a folder's name. */
  readonly slug: string;
  /**
   * Starts the agents on both nodes; resolves when the service is complete, and on both nodes the further rows, which
   * are in their configuration from the beginning.
   */
  start(bed: TestBed, further?: readonly LargeTableRow[]): Promise<RunningSubject>;
}

/** A cluster at work. */
export interface RunningSubject {
  /** The agent of each node, by the node's name. */
  readonly agents: ReadonlyMap<string, LabProcess>;
  /** Plans a move of the VIP to a node, if the subject knows such a thing. */
  readonly moveVip: ((to: Host) => Promise<void>) | null;
}

/** The lab with everything but the subject: a client, two nodes with their web servers. */
export interface TestBed extends AsyncDisposable {
  readonly lab: Lab;
  readonly client: Host;
  readonly nodes: readonly [Host, Host];
  readonly webServers: ReadonlyMap<string, LabProcess>;
}

/** Builds the bed, with further machines if any are wanted. */
export async function makeTestBed(
  name: string,
  further: readonly HostPlan[] = [],
): Promise<TestBed> {
  const lab = await Lab.create(name, [
    { name: "client", number: 2 },
    { name: "n1", number: 4 },
    { name: "n2", number: 5 },
    ...further,
  ]);
  const nodes = [lab.host("n1"), lab.host("n2")] as const;
  const dispose = () => lab[Symbol.asyncDispose]();
  try {
    const servers = await Promise.all(nodes.map((node) => startWebServer(lab, node)));
    const webServers = new Map(nodes.map((node, index) => [node.name, servers[index]!]));
    return { lab, client: lab.host("client"), nodes, webServers, [Symbol.asyncDispose]: dispose };
  } catch (error) {
    await dispose();
    throw error;
  }
}

/** The nodes that have the VIP on an interface now. */
export async function holders(bed: TestBed): Promise<Host[]> {
  const has = await Promise.all(bed.nodes.map((node) => node.has(VIP)));
  return bed.nodes.filter((_, index) => has[index]);
}

/** Waits for exactly one holder, and returns it with the other node. */
export async function awaitHolder(bed: TestBed): Promise<{ holder: Host; other: Host }> {
  const [holder] = await waitFor(async () => {
    const found = await holders(bed);
    return found.length === 1 && found;
  }, { what: "one node holds the VIP", limitMs: HOLDER_LIMIT_MS });
  const other = bed.nodes.find((node) => node !== holder);
  if (holder === undefined || other === undefined) throw new Error("find holder: impossible");
  return { holder, other };
}

/** What an operator sets up by hand on a real server with direct routing, where the agent does not. */
export async function prepareRealServer(node: Host): Promise<void> {
  await node.script(`
    echo 1 >/proc/sys/net/ipv4/conf/all/arp_ignore
    echo 2 >/proc/sys/net/ipv4/conf/all/arp_announce
    ip addr add ${VIP}/32 dev lo`);
}
