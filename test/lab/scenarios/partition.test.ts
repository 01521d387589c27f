/**
 * The LAN falls into two parts, each with nodes and a client, and becomes whole again: each part is served by a holder of
 * its own, then one remains, and says so to the clients of the other.
 */
import { expect } from "bun:test";
import { ONE_HOLDER_MS } from "../../sim/bounds.ts";
import { AddressWatch } from "../address_watch.ts";
import { announcementsOf, Capture } from "../capture.ts";
import type { Host } from "../host.ts";
import type { HostPlan } from "../lab.ts";
import { Load, requireFewFailures } from "../load.ts";
import { scenario, startService, VIP } from "../scenario.ts";
import { awaitServersUp, type TroopNode, vipOf } from "../troop.ts";
import { waitFor } from "../wait.ts";

/** Two loads and three agents on the guest's one processor: slower than elsewhere. */
const EVERY_MS = 50;
const BEFORE_MS = 2_000;
/** Time in parts: all that follows from the cut has happened in half of it. */
const APART_MS = 8_000;
/** Time after the last change in which every request has to be answered. */
const AFTER_MS = 5_000;
/** Requests of the 0.6 s until a part has its holder and its pool, and those under way. */
const FAILED_MAX = 18;
/** The request of a client that is under way while its neighbour's cable is put back. */
const FAILED_HEALING_MAX = 1;

/** Who is cut off from whom: the holder and this client, and all others. */
function hostsOf(nodes: number): HostPlan[] {
  const networks = ["public", "private"] as const;
  return [
    { name: "client", number: 2 },
    { name: "client2", number: 3 },
    ...Array.from({ length: nodes }, (_, index) => (
      { name: `n${index + 1}`, number: index + 4, networks }
    )),
  ];
}

for (const [words, count] of [["one of two nodes", 2], ["one of three nodes", 3]] as const) {
  scenario(
    `the holder, ${words}, is parted from the rest: a holder for each part, and after healing one that announces itself`,
    { slug: `partition-${count}`, hosts: hostsOf(count) },
    async (lab) => {
      const names = Array.from({ length: count }, (_, index) => `n${index + 1}`);
      const { nodes, holder, others } = await startService(lab, { nodes: names });
      const clients = [lab.host("client"), lab.host("client2")] as const;
      const [near, far] = await Promise.all(clients.map(observe));
      const watch = await AddressWatch.start(VIP, nodes.map(({ host }) => host));
      await Bun.sleep(BEFORE_MS);

      const apart = [clients[1], ...others.map(({ host }) => host)];
      const cutAt = Date.now();
      await lab.split(apart);
      await Bun.sleep(APART_MS);
      const second = others.find(({ name }) => watch.holders.includes(name))!;
      expect(watch.holders).toEqual([holder.name, second.name].toSorted());
      const parts = [[holder], others] as const;
      for (const [index, { load }] of [near!, far!].entries()) {
        requireFewFailures(load.lines, FAILED_MAX);
        requireServedBy([load], { nodes: parts[index]!, fromMs: cutAt + APART_MS / 2 });
      }

      const { winner, loser } = await foretell(holder, second);
      const healedAt = Date.now();
      await lab.unite(apart);
      await waitFor(() => watch.holders.length === 1, {
        what: "one of the two holders remains",
        limitMs: ONE_HOLDER_MS,
      });
      const settledAt = watch.changes.at(-1)!.at;
      process.stdout.write(`one holder ${settledAt - healedAt} ms after healing\n`);
      for (const node of nodes) await awaitServersUp(node, VIP, { count });
      const wholeAt = Date.now();
      await Bun.sleep(AFTER_MS);
      expect(watch.holders).toEqual([winner.name]);
      expect(watch.changes.at(-1)!.at).toBe(settledAt);
      for (const { load, capture } of [near!, far!]) {
        await load.stop();
        requireFewFailures(load.lines.filter(({ at }) => at >= healedAt), FAILED_HEALING_MAX);
        const told = announcementsOf(VIP, await capture.stop()).filter(({ at }) => at >= healedAt);
        const macs = told.map(({ sourceMac }) => sourceMac);
        expect(macs).toContain(winner.host.macOn("public"));
        expect(macs).not.toContain(loser.host.macOn("public"));
      }
      // Together: two clients in step with each other get each its own server of two by turns.
      requireServedBy([near!.load, far!.load], { nodes, fromMs: wholeAt });
    },
  );
}

/** What a client asks for and hears from now on. */
async function observe(client: Host): Promise<{ readonly load: Load; readonly capture: Capture }> {
  const capture = await Capture.start(client, "arp");
  return { load: await Load.start(client, { address: VIP, everyMs: EVERY_MS }), capture };
}

/** Who keeps the VIP when the two holders meet: the claim with the higher epoch. */
async function foretell(
  one: TroopNode,
  two: TroopNode,
): Promise<{ readonly winner: TroopNode; readonly loser: TroopNode }> {
  const [first, second] = [await vipOf(one, VIP), await vipOf(two, VIP)];
  expect([first.holder, second.holder]).toEqual([one.name, two.name]);
  expect(first.epoch).not.toBe(second.epoch);
  return first.epoch > second.epoch ? { winner: one, loser: two } : { winner: two, loser: one };
}

/** Every request since that moment (wall clock, ms) was answered, and each of these nodes answered some. */
function requireServedBy(
  loads: readonly Load[],
  { nodes, fromMs }: { readonly nodes: readonly TroopNode[]; readonly fromMs: number },
): void {
  const late = loads.flatMap(({ lines }) => lines.filter(({ at }) => at > fromMs));
  requireFewFailures(late, 0);
  expect([...new Set(late.map(({ server }) => server))].toSorted()).toEqual(
    nodes.map(({ name }) => name).toSorted(),
  );
}
