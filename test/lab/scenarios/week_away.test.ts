/**
 * The holder is cut off, edited, and switched off for a week, while the others move on and change the token. It comes back
 * with its old files: it is told what it lacks, claims nothing, and undoes nothing.
 */
import { expect } from "bun:test";
import { AddressWatch } from "../address_watch.ts";
import { addressIn } from "../host.ts";
import { addService, scenario, SECOND_VIP, startService, VIP } from "../scenario.ts";
import {
  awaitAllAlive,
  awaitOneHolder,
  awaitServersUp,
  awaitWarning,
  type TroopNode,
  vipOf,
} from "../troop.ts";
import { waitFor } from "../wait.ts";

const hosts = [
  { name: "client", number: 2 },
  ...[4, 5, 6].map((number) => ({ name: `n${number - 3}`, number })),
];
const THIRD_VIP = addressIn("public", 242);
const SETTLE_MS = 5_000;
const LIMIT_MS = 40_000;
/** More than an agent writes here. */
const LOG_LINES = 10_000;

/** What the others do meanwhile: edits, a removal, another token, another holder. */
async function moveOn(
  here: TroopNode,
  there: TroopNode,
): Promise<{ readonly holder: TroopNode; readonly epoch: number; readonly exported: string }> {
  await here.troop("service", "set", `${VIP}:80`, "--scheduler", "wlc");
  await here.troop("service", "remove", `${SECOND_VIP}:80`);
  await here.troop(...addService(THIRD_VIP, "rr"));
  await here.troop("token", "rotate", "--anyway", "--grace", "0s");
  // On both: until then a member takes what the kernel of a killed agent has still to send, when its cable is back.
  for (const node of [here, there]) {
    // The status tells of no rotation before it has begun here, too.
    await waitFor(() => node.agent.tail(LOG_LINES).includes("the old token is refused"), {
      what: `${node.name} refuses the old token`,
      limitMs: LIMIT_MS,
    });
  }
  const { holder: first, others: [holder] } = await awaitOneHolder(VIP, [here, there]);
  if (holder === undefined) throw new Error("two nodes are needed");
  await first.troop("vip", "move", VIP, holder.name);
  await waitFor(async () => (await awaitOneHolder(VIP, [here, there])).holder === holder, {
    what: `${holder.name} holds the VIP`,
    limitMs: LIMIT_MS,
  });
  const exported = await here.troop("export");
  expect(exported).toContain(`${THIRD_VIP}:80`);
  expect(exported).not.toContain(SECOND_VIP);
  return { holder, epoch: (await vipOf(holder, VIP)).epoch, exported };
}

scenario(
  "a holder comes back after a week with old wishes and an expired token: what was decided meanwhile stays",
  { slug: "week-away", hosts },
  async (lab) => {
    const service = await startService(lab, { nodes: ["n1", "n2", "n3"] });
    const { nodes, holder: absent, others: [here, there] } = service;
    if (here === undefined || there === undefined) throw new Error("three nodes are needed");
    await here.troop(...addService(SECOND_VIP, "rr"));
    await here.troop("vip", "move", SECOND_VIP, absent.name);
    await waitFor(() => absent.host.has(SECOND_VIP), {
      what: "both VIPs are on one node",
      limitMs: LIMIT_MS,
    });

    // Alone for a while, it holds both and gets an order of its own; then it is switched off.
    await lab.cut(absent.host);
    await awaitOneHolder(VIP, [here, there]);
    await absent.troop("service", "add", `${VIP}:81`, "--check", "none");
    await absent.agent.end("SIGKILL");

    const { holder: last, epoch, exported } = await moveOn(here, there);

    // It comes back: with a token that has expired it holds nothing, not even what nobody else wants, and nobody hears its
    // wishes.
    const watches = await Promise.all(
      [VIP, SECOND_VIP, THIRD_VIP].map((vip) => AddressWatch.start(vip, [absent.host])),
    );
    await lab.heal(absent.host);
    await absent.run();
    await awaitWarning(absent, "has expired");
    await Bun.sleep(SETTLE_MS);
    expect(await here.troop("export")).toBe(exported);

    // It gets the token, as the warning says: its order joins the new ones, and takes none of them back.
    await absent.agent.end("SIGTERM");
    absent.configure({ token: await here.token() });
    await absent.run();
    await awaitAllAlive(nodes);
    // Two services have this address: its own order is one.
    await awaitServersUp(last, VIP, { count: 2 * nodes.length });
    const merged = await waitFor(async () => {
      const texts = await Promise.all(nodes.map((node) => node.troop("export")));
      return new Set(texts).size === 1 && texts[0]?.includes(`${VIP}:81`) && texts[0];
    }, { what: "every node has the same document, with the old order", limitMs: LIMIT_MS });
    const added = new Set(merged.split("\n")).difference(new Set(exported.split("\n")));
    process.stdout.write(`what the absent node's order added:\n${[...added].join("\n")}\n`);
    expect(merged).toContain("scheduler: wlc");
    expect(merged).toContain(`${THIRD_VIP}:80`);
    expect(merged).not.toContain(SECOND_VIP);
    await Bun.sleep(SETTLE_MS);
    for (const watch of watches) expect(watch.changes).toEqual([]);
    for (const node of nodes) {
      expect(await vipOf(node, VIP)).toMatchObject({ holder: last.name, epoch });
    }
    expect(await absent.host.run("ipvsadm", "-S", "-n")).not.toContain(SECOND_VIP);
  },
);
