/**
 * `quorum majority` with three nodes: a holder that is cut off has let go before the majority holds the VIP.
 */
import { expect } from "bun:test";
import { MAJORITY_MS } from "../../sim/bounds.ts";
import { AddressWatch } from "../address_watch.ts";
import { scenario, startService, VIP } from "../scenario.ts";
import { awaitAllAlive, awaitOneHolder, vipOf } from "../troop.ts";
import { waitFor } from "../wait.ts";

const hosts = [
  { name: "client", number: 2 },
  ...[4, 5, 6].map((number) => ({ name: `n${number - 3}`, number })),
];
/** What the guest's only processor may make later than it is on a machine of its own, ms. */
const GUEST_MS = 500;

scenario(
  "quorum majority: the side of one holds nothing, the side of two does, never both; one holds after healing",
  { slug: "quorum-majority", hosts },
  async (lab) => {
    const { nodes, holder } = await startService(lab, { nodes: ["n1", "n2", "n3"] });
    await nodes[1]!.troop("settings", "set", "quorum", "majority");
    await waitFor(async () => (await holder.status()).quorum?.majority === true, {
      what: "the holder has a majority",
      limitMs: 10_000,
    });
    const watch = await AddressWatch.start(VIP, nodes.map(({ host }) => host));
    const majority = nodes.filter((node) => node !== holder);
    const cutAt = Date.now();
    await lab.cut(holder.host);
    await waitFor(() => watch.holders.some((name) => name !== holder.name), {
      what: "the majority holds the VIP",
      limitMs: 20_000,
    });
    const taken = watch.changes.at(-1)!;
    expect(taken.at - cutAt).toBeLessThanOrEqual(MAJORITY_MS + GUEST_MS);
    expect((await vipOf(holder, VIP)).reason).toContain("hears 1 of the cluster's 3 nodes");
    await lab.heal(holder.host);
    await awaitAllAlive(nodes);
    const { holder: last } = await awaitOneHolder(VIP, nodes);
    expect(majority).toContain(last);
    await Bun.sleep(3_000);
    // Also while the network was in parts no two had it.
    expect(watch.changes.filter(({ holders }) => holders.length > 1)).toEqual([]);
    expect(watch.holders).toEqual([last.name]);
  },
);
