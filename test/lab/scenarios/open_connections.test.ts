/**
 * Connections that are open through the holder go on through the next one, because the standby knows
 * them. The third machine matters: its connections are forwarded by whoever holds the VIP.
 */
import { expect } from "bun:test";
import { Connections } from "../connections.ts";
import { scenario, startService, VIP } from "../scenario.ts";
import { awaitOneHolder } from "../troop.ts";

const CONNECTIONS = 24;
const BEFORE_MS = 5_000;
const AFTER_MS = 12_000;

const hosts = [
  { name: "client", number: 2 },
  { name: "n1", number: 4 },
  { name: "n2", number: 5 },
  { name: "n3", number: 6 },
];

scenario(
  "open connections through a holder that is cut off: all to the surviving real servers go on",
  { slug: "open-connections", hosts },
  async (lab) => {
    const { client, nodes, holder } = await startService(lab, {
      nodes: ["n1", "n2", "n3"],
      configure: (node) => node.name === "n3" && node.configure({ director: false }),
    });
    expect(holder.name).not.toBe("n3");
    const connections = await Connections.start(client, { address: VIP, count: CONNECTIONS });
    await Bun.sleep(BEFORE_MS);
    await lab.cut(holder.host);
    await awaitOneHolder(VIP, nodes.filter((node) => node !== holder));
    await Bun.sleep(AFTER_MS);
    const counts = await connections.stop();
    for (const survivor of nodes.filter((node) => node !== holder)) {
      const { opened, alive } = counts.get(survivor.name) ?? { opened: 0, alive: 0 };
      expect(opened).toBe(CONNECTIONS / 3);
      expect(alive).toBe(opened);
    }
  },
);

scenario(
  "open connections through a holder that is asked to end: all to the other real servers go on",
  { slug: "open-connections-terminate", hosts },
  async (lab) => {
    const { client, nodes, holder } = await startService(lab, { nodes: ["n1", "n2", "n3"] });
    const connections = await Connections.start(client, { address: VIP, count: CONNECTIONS });
    await Bun.sleep(BEFORE_MS);
    expect(await holder.agent.end("SIGTERM")).toBe(0);
    await awaitOneHolder(VIP, nodes.filter((node) => node !== holder));
    await Bun.sleep(AFTER_MS);
    const counts = [...await connections.stop()].filter(([server]) => server !== holder.name);
    expect(counts).toHaveLength(2);
    for (const [, { opened, alive }] of counts) expect(alive).toBe(opened);
  },
);
