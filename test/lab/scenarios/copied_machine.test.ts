/**
 * A machine was copied, with the identity on its disk: the copy is told, stands aside and moves nothing, until it has one of
 * its own.
 */
import { expect } from "bun:test";
import { cpSync, rmSync } from "node:fs";
import { AddressWatch } from "../address_watch.ts";
import { Load, requireFewFailures } from "../load.ts";
import { scenario, startService, VIP } from "../scenario.ts";
import { awaitAllAlive, awaitWarning, TroopNode, vipOf } from "../troop.ts";

const hosts = [
  { name: "client", number: 2 },
  { name: "n1", number: 4 },
  { name: "n2", number: 5 },
  { name: "n3", number: 6 },
];
/** Time for which the first one runs alone, ms: whoever has run for less than 30 s is the copy. */
const SETTLED_MS = 32_000;
/** Time in which something would happen, ms. */
const QUIET_MS = 5_000;

scenario(
  "a copy of the holder stands aside and is told why; nothing moves, and with an identity of its own it is a third node",
  { slug: "copied-machine", hosts },
  async (lab) => {
    const { client, holder, nodes } = await startService(lab, { nodes: ["n1", "n2"] });
    await Bun.sleep(SETTLED_MS);
    const { epoch } = await vipOf(holder, VIP);
    const watch = await AddressWatch.start(VIP, hosts.slice(1).map(({ name }) => lab.host(name)));
    const load = await Load.start(client, { address: VIP });

    const copy = new TroopNode(lab, lab.host("n3"));
    rmSync(copy.home, { recursive: true });
    cpSync(holder.home, copy.home, { recursive: true, filter: (path) => !path.endsWith(".sock") });
    copy.configure({ address: copy.host.address });
    await copy.run();
    await awaitWarning(copy, `the machine at ${holder.host.address} has this node's identity`);
    await awaitWarning(holder, `the machine at ${copy.host.address} has this node's identity`);
    await Bun.sleep(QUIET_MS);
    expect(watch.holders).toEqual([holder.name]);
    for (const node of nodes) {
      expect(await vipOf(node, VIP)).toMatchObject({ holder: holder.name, epoch });
    }
    // It must not take the identity of the first one along.
    expect(await copy.troop("leave")).toContain("left cluster");
    await copy.agent.exited();
    await load.stop();
    requireFewFailures(load.lines, 0);

    await copy.join(holder);
    await copy.run();
    await awaitAllAlive([...nodes, copy]);
    expect(watch.holders).toEqual([holder.name]);
    expect((await vipOf(holder, VIP)).epoch).toBe(epoch);
  },
);
