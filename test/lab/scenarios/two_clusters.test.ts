/**
 * Three clusters share a LAN, two of them even a name: they know nothing of each other, and a VIP that two of them are told
 * to have stays with the first, while the operators of the second are told whose it is. When the LAN was in parts both have
 * it, and the operators of both are told.
 */
import { expect } from "bun:test";
import { SETTLED_HOLD_MS } from "../../../src/core/cluster/duplicates.ts";
import { OWN_ADDRESS_MS } from "../../../src/core/timing.ts";
import { Capture } from "../capture.ts";
import { Load, requireFewFailures } from "../load.ts";
import { addService, scenario, SECOND_VIP, startService, VIP } from "../scenario.ts";
import { addressIn } from "../host.ts";
import { awaitOneHolder, type TroopNode, vipOf } from "../troop.ts";
import { waitFor } from "../wait.ts";
import { readWire } from "../wire.ts";

const THIRD_VIP = addressIn("public", 242);
/** The port of pulses and gossip. */
const PORT = 6940;
/** Time in which a cluster that heard of another one would have talked to it, ms. */
const TALK_MS = 4_000;
const WAIT_MS = 5_000;
/** Time until somebody who has the VIP knows that another one has it, ms: two rounds of questions. */
const TOLD_MS = 2 * OWN_ADDRESS_MS;
const EVERY_MS = 50;
const LIMIT_MS = 20_000;

const hosts = [
  { name: "client", number: 2 },
  ...[4, 5, 6, 7].map((number) => ({ name: `n${number - 3}`, number })),
];

/** What a node knows of nodes and VIPs. */
async function knownTo(node: TroopNode): Promise<{ nodes: string[]; vips: string[] }> {
  const { nodes, vips } = await node.status();
  return {
    nodes: nodes.map(({ name }) => name).toSorted(),
    vips: vips.map(({ address }) => address).toSorted(),
  };
}

scenario(
  "clusters that share a LAN and a name learn nothing of each other, and who is second to a VIP waits and says for whom; two that have it say so",
  { slug: "two-clusters", hosts },
  async (lab) => {
    const first = await startService(lab, { nodes: ["n1", "n2"], cluster: "lab" });
    const namesake = await startService(lab, { nodes: ["n3"], cluster: "lab", vip: SECOND_VIP });
    const another = await startService(lab, { nodes: ["n4"], cluster: "other", vip: THIRD_VIP });
    const clusters = [
      { ...first, vip: VIP },
      { ...namesake, vip: SECOND_VIP },
      { ...another, vip: THIRD_VIP },
    ];
    const load = await Load.start(first.client, { address: VIP, everyMs: EVERY_MS });
    const capture = await Capture.start(lab.switch, `port ${PORT}`, "public");
    await Bun.sleep(TALK_MS);
    const packets = readWire(await capture.end());
    const addresses = first.nodes.map(({ host }) => host.address);
    expect(packets.length).toBeGreaterThan(20);
    // Both nodes of the first talk to each other, and nobody else to anybody.
    expect(
      packets.filter(({ outer }) =>
        !addresses.includes(outer.source) || !addresses.includes(outer.target)
      ),
    ).toEqual([]);
    for (const { nodes, vip } of clusters) {
      const names = nodes.map(({ name }) => name);
      for (const node of nodes) expect(await knownTo(node)).toEqual({ nodes: names, vips: [vip] });
    }

    const [waiting] = namesake.nodes as [TroopNode];
    const { epoch } = await vipOf(first.holder, VIP);
    await waiting.troop(...addService(VIP, "rr"));
    await waitFor(async () => {
      const { reason } = await vipOf(waiting, VIP);
      if (reason.includes(`${first.holder.host.macOn("public")} still answers for it`)) return true;
      throw new Error(reason);
    }, { what: "the second cluster says who has the VIP", limitMs: LIMIT_MS });
    await Bun.sleep(WAIT_MS);
    expect(await waiting.host.has(VIP)).toBe(false);
    expect((await vipOf(waiting, VIP)).reason).toContain(first.holder.host.macOn("public"));
    expect(await vipOf(first.holder, VIP)).toMatchObject({ holder: first.holder.name, epoch });
    expect(await knownTo(first.other)).toEqual({ nodes: ["n1", "n2"], vips: [VIP] });
    await load.stop();
    requireFewFailures(load.lines, 0);

    // Apart each has it; together again both keep it, and both say who else does.
    await lab.split([waiting.host]);
    await waitFor(() => waiting.host.has(VIP), {
      what: "the second cluster has the VIP while it is alone",
      limitMs: LIMIT_MS,
    });
    await Bun.sleep(SETTLED_HOLD_MS);
    await lab.unite([waiting.host]);
    for (const [node, other] of [[first.holder, waiting], [waiting, first.holder]] as const) {
      await waitFor(async () => {
        const warnings = ((await node.status()).warnings ?? []).join("\n");
        if (warnings.includes(`${other.host.macOn("public")}, answers for the VIP ${VIP}`)) {
          return true;
        }
        throw new Error(warnings);
      }, { what: `${node.name} says who else has the VIP`, limitMs: TOLD_MS });
    }

    // The first gives it up: the second has it.
    await first.holder.troop("service", "remove", `${VIP}:80`);
    const all = clusters.flatMap(({ nodes }) => nodes);
    await waitFor(async () => (await awaitOneHolder(VIP, all)).holder === waiting, {
      what: "the second cluster has the VIP",
      limitMs: LIMIT_MS,
    });
    const page = ["curl", "-sf", "--max-time", "5", `http://${VIP}/index.html`];
    expect(await first.client.run(...page)).toContain("Test Page of n3");
  },
);
