/**
 * How clusters come to be: both nodes at once, and a node that comes late.
 */
import { expect } from "bun:test";
import { AddressWatch } from "../address_watch.ts";
import { Load, requireFewFailures } from "../load.ts";
import { scenario, startService, streamlined, VIP } from "../scenario.ts";
import { awaitAllAlive, awaitOneHolder, awaitServersUp, TroopNode } from "../troop.ts";
import { waitFor } from "../wait.ts";
import { startWebServer } from "../web_server.ts";

scenario(
  "both nodes start at the same moment: one holder, for good, and a whole pool",
  { slug: "start-together", hosts: streamlined },
  async (lab) => {
    const { client, nodes } = await startService(lab);
    await Promise.all(nodes.map((node) => node.agent.end("SIGKILL")));
    const watch = await AddressWatch.start(VIP, nodes.map((node) => node.host));
    await waitFor(() => watch.holders.length === 0, {
      what: "the lease has run out on every node",
      limitMs: 10_000,
    });
    await Promise.all(nodes.map((node) => node.run()));
    await awaitAllAlive(nodes);
    const { holder } = await awaitOneHolder(VIP, nodes);
    for (const node of nodes) await awaitServersUp(node, VIP, { count: 2 });
    const load = await Load.start(client, { address: VIP });
    await Bun.sleep(5_000);
    expect(watch.holders).toEqual([holder.name]);
    const seen = await load.stop();
    requireFewFailures(load.lines, 0);
    expect(Object.keys(seen.answers)).toEqual(["n1", "n2"]);
  },
);

scenario(
  "a node that joins late gets its share of the requests, takes nothing away, and no request fails",
  { slug: "join-late", hosts: [...streamlined, { name: "n3", number: 6, networks: ["public"] }] },
  async (lab) => {
    const { client, nodes, holder } = await startService(lab);
    const late = new TroopNode(lab, lab.host("n3"));
    await startWebServer(lab, late.host);
    const load = await Load.start(client, { address: VIP });
    await late.join(nodes[1]!);
    await late.run();
    await awaitAllAlive([...nodes, late]);
    await waitFor(() => load.summary().answers["n3"] !== undefined, {
      what: "the late node answers requests",
      limitMs: 15_000,
    });
    await Bun.sleep(2_000);
    expect((await awaitOneHolder(VIP, [...nodes, late])).holder).toBe(holder);
    await load.stop();
    requireFewFailures(load.lines, 0);
  },
);
