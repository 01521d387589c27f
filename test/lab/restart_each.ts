/**
 * Every agent of a cluster of three is restarted in turn while requests and open connections go on.
 */
import { expect } from "bun:test";
import { Connections } from "./connections.ts";
import { Load } from "./load.ts";
import type { HostPlan } from "./lab.ts";
import { type Service, VIP } from "./scenario.ts";
import { awaitAllAlive, awaitOneHolder, awaitServersUp, type TroopNode } from "./troop.ts";

/** A multiple of the servers: round robin gives each the same share. */
const CONNECTIONS = 24;
/** Time between two restarts, ms: the kernel's sync daemons tell a backup that came back of every connection meanwhile. */
const BETWEEN_MS = 3_000;
/** A client, and three nodes: directors and real servers. */
export const restartHosts: readonly HostPlan[] = [
  { name: "client", number: 2 },
  { name: "n1", number: 4 },
  { name: "n2", number: 5 },
  { name: "n3", number: 6 },
];
/** The nodes of {@link restartHosts}. */
export const restartNodes: readonly string[] = ["n1", "n2", "n3"];

/** Restarts every agent in turn; the requests meanwhile. Throws when a connection ended. */
export async function restartEach(
  { client, nodes }: Service,
  restart: (node: TroopNode) => Promise<void>,
): Promise<Load> {
  const connections = await Connections.start(client, { address: VIP, count: CONNECTIONS });
  const load = await Load.start(client, { address: VIP });
  for (const node of nodes) {
    await Bun.sleep(BETWEEN_MS);
    const { holder } = await awaitOneHolder(VIP, nodes);
    const startedMs = Date.now();
    await restart(node);
    await awaitAllAlive(nodes);
    for (const other of nodes) await awaitServersUp(other, VIP, { count: nodes.length });
    const role = holder === node ? "the holder" : "a standby";
    const tookS = ((Date.now() - startedMs) / 1_000).toFixed(1);
    const { requests, failed } = load.summary();
    process.stdout.write(
      `restarted ${node.name}, ${role}, in ${tookS} s: ${requests} requests so far, ${failed} failed\n`,
    );
  }
  await Bun.sleep(BETWEEN_MS);
  await load.stop();
  const counts = await connections.stop();
  for (const [server, { opened, alive }] of counts) {
    process.stdout.write(`connections to ${server}: ${alive} of ${opened} go on\n`);
  }
  expect([...counts.values()].reduce((sum, { opened }) => sum + opened, 0)).toBe(CONNECTIONS);
  // The web servers ran all the time: none of their connections may end.
  for (const { opened, alive } of counts.values()) expect(alive).toBe(opened);
  return load;
}
