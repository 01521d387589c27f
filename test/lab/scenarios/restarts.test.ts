/**
 * Every agent in turn is ended and started again while clients are at work: on purpose, into the next version of
 * the program, and by kill -9. Each of the three nodes is director and real server, so each holds the VIP once.
 */
import { expect } from "bun:test";
import { Connections } from "../connections.ts";
import type { Lab } from "../lab.ts";
import { Load, requireFewFailures } from "../load.ts";
import { scenario, type Service, startService, VIP } from "../scenario.ts";
import {
  awaitAllAlive,
  awaitOneHolder,
  awaitServersUp,
  NEXT_BINARY,
  statusOf,
  type TroopNode,
} from "../troop.ts";

/** A multiple of the servers: round robin gives each the same share. */
const CONNECTIONS = 24;
/** Time between two restarts, ms: the kernel's sync daemons tell a backup that came back of every connection meanwhile. */
const BETWEEN_MS = 3_000;
/** Requests that may fail at a kill -9 of the holder, as in agent_killed.test.ts. */
const FAILED_PER_KILL_MAX = 5;

const hosts = [
  { name: "client", number: 2 },
  { name: "n1", number: 4 },
  { name: "n2", number: 5 },
  { name: "n3", number: 6 },
];

/** Restarts every agent in turn while requests and open connections go on; what became of both. */
async function restartEach(
  lab: Lab,
  restart: (node: TroopNode) => Promise<void>,
): Promise<{ service: Service; load: Load }> {
  const service = await startService(lab, { nodes: ["n1", "n2", "n3"] });
  const { client, nodes } = service;
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
  return { service, load };
}

scenario(
  "every agent in turn is asked to end and started in the next version: no request fails, no connection ends",
  { slug: "restarts-upgrade", hosts },
  async (lab) => {
    const { service: { nodes }, load } = await restartEach(lab, async (node) => {
      expect(await node.agent.end("SIGTERM")).toBe(0);
      await node.run(NEXT_BINARY);
    });
    requireFewFailures(load.lines, 0);
    for (const observer of nodes) {
      for (const { name } of nodes) {
        expect((await statusOf(observer, name)).version).toEndWith("-next");
      }
    }
  },
);

scenario(
  "every agent in turn is killed with -9 and started again: no connection ends",
  { slug: "restarts-kill", hosts },
  async (lab) => {
    let kills = 0;
    const { load } = await restartEach(lab, async (node) => {
      await node.agent.end("SIGKILL");
      await node.run();
      kills++;
    });
    requireFewFailures(load.lines, FAILED_PER_KILL_MAX * kills);
  },
);
