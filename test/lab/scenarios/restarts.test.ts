/**
 * Every agent in turn is ended and started again while clients are at work: on purpose, into the next version of
 * the program, and by kill -9. Each of the three nodes is director and real server, so each holds the VIP once.
 */
import { expect } from "bun:test";
import { requireFewFailures } from "../load.ts";
import { restartEach, restartHosts as hosts, restartNodes as nodes } from "../restart_each.ts";
import { scenario, startService } from "../scenario.ts";
import { NEXT_BINARY, statusOf } from "../troop.ts";

/** Requests that may fail at a kill -9 of the holder, as in agent_killed.test.ts. */
const FAILED_PER_KILL_MAX = 5;

scenario(
  "every agent in turn is asked to end and started in the next version: no request fails, no connection ends",
  { slug: "restarts-upgrade", hosts },
  async (lab) => {
    const service = await startService(lab, { nodes });
    const load = await restartEach(service, async (node) => {
      expect(await node.agent.end("SIGTERM")).toBe(0);
      node.binary = NEXT_BINARY;
      await node.run();
    });
    requireFewFailures(load.lines, 0);
    for (const observer of service.nodes) {
      for (const name of nodes) {
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
    const load = await restartEach(await startService(lab, { nodes }), async (node) => {
      await node.agent.end("SIGKILL");
      await node.run();
      kills++;
    });
    requireFewFailures(load.lines, FAILED_PER_KILL_MAX * kills);
    expect(load.summary().errors["refused"] ?? 0).toBe(0);
  },
);
