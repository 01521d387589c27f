/**
 * Somebody else changes the kernel: what is troop's comes back, what is not troop's stays as it is.
 */
import { expect } from "bun:test";
import { NETWORK_MS } from "../../../src/core/timing.ts";
import { LEASE_MS } from "../../sim/bounds.ts";
import { scenario, startService, streamlined, VIP } from "../scenario.ts";
import { awaitOneHolder, type TroopNode } from "../troop.ts";
import { waitFor } from "../wait.ts";

/** The kernel is compared with what is wanted at least every 10 s; the rest is the guest's slowness. */
const REPAIR_LIMIT_MS = 15_000;
/** What the guest's only processor may make later than it is on a machine of its own, ms. */
const GUEST_MS = 500;
const FOREIGN_SERVICE = "192.168.6.250:8080";
const FOREIGN_ADDRESS = "192.168.6.77";

scenario(
  "VIP deleted by someone else comes back, on the interface and on lo",
  { slug: "vip-deleted", hosts: streamlined },
  async (lab) => {
    const { holder, other } = await startService(lab);
    await holder.host.run("ip", "addr", "del", `${VIP}/32`, "dev", "eth0");
    await waitFor(() => holder.host.has(VIP), {
      what: "the VIP is back on the holder",
      limitMs: REPAIR_LIMIT_MS,
    });
    expect(await other.host.has(VIP)).toBe(false);
    await other.host.run("ip", "addr", "del", `${VIP}/32`, "dev", "lo");
    await waitFor(() => onLoopback(other, VIP), {
      what: "the VIP is back on lo of the other node",
      limitMs: REPAIR_LIMIT_MS,
    });
  },
);

scenario(
  "VIP that someone else gives its holder for ever gets its lease back, and goes with it when the agent is killed",
  { slug: "vip-for-ever", hosts: streamlined },
  async (lab) => {
    const { holder } = await startService(lab);
    await holder.host.run("ip", "addr", "replace", `${VIP}/32`, "dev", "eth0");
    await Bun.sleep(NETWORK_MS + GUEST_MS);
    await holder.agent.end("SIGKILL");
    await waitFor(async () => !await holder.host.has(VIP), {
      what: "the VIP is off the machine of the killed agent",
      limitMs: LEASE_MS + GUEST_MS,
    });
  },
);

scenario(
  "table flushed by someone else comes back, on holder and standby",
  { slug: "table-flushed", hosts: streamlined },
  async (lab) => {
    const { nodes } = await startService(lab);
    for (const node of nodes) {
      await waitFor(
        async () => (await table(node)).filter((row) => row.endsWith(" -w 1")).length === 2,
        {
          what: `both servers have their weight on ${node.name}`,
          limitMs: REPAIR_LIMIT_MS,
        },
      );
      const before = await table(node);
      await node.host.run("ipvsadm", "-C");
      await waitFor(async () => (await table(node)).join("\n") === before.join("\n"), {
        what: `the table of ${node.name} is as it was`,
        limitMs: REPAIR_LIMIT_MS,
      });
    }
  },
);

scenario(
  "rows and addresses that are not troop's stay untouched through start, takeover and leave",
  { slug: "foreign", hosts: streamlined },
  async (lab) => {
    for (const name of ["n1", "n2"]) await plantForeign(lab.host(name));
    const { nodes, holder, other } = await startService(lab);
    for (const node of nodes) expect(await foreign(node)).toEqual(planted);
    await holder.agent.end("SIGTERM");
    await awaitOneHolder(VIP, [other]);
    for (const node of nodes) expect(await foreign(node)).toEqual(planted);
    await other.troop("leave");
    await other.agent.exited();
    for (const node of nodes) expect(await foreign(node)).toEqual(planted);
    expect((await table(other)).filter((row) => row.includes(VIP))).toEqual([]);
  },
);

const planted = {
  rows: [`-A -t ${FOREIGN_SERVICE} -s sh`, `-a -t ${FOREIGN_SERVICE} -r 192.168.6.9:8080 -g -w 7`],
  eth0: true,
  lo: true,
};

async function plantForeign(host: TroopNode["host"]): Promise<void> {
  await host.script(`
    ipvsadm -A -t ${FOREIGN_SERVICE} -s sh
    ipvsadm -a -t ${FOREIGN_SERVICE} -r 192.168.6.9:8080 -g -w 7
    ip addr add ${FOREIGN_ADDRESS}/32 dev eth0
    ip addr add 192.168.6.78/32 dev lo`);
}

async function foreign(node: TroopNode): Promise<typeof planted> {
  return {
    rows: (await table(node)).filter((row) => row.includes(FOREIGN_SERVICE)),
    eth0: await node.host.has(FOREIGN_ADDRESS),
    lo: await onLoopback(node, "192.168.6.78"),
  };
}

async function onLoopback(node: TroopNode, address: string): Promise<boolean> {
  return (await node.host.run("ip", "-o", "addr", "show", "dev", "lo", "to", address)) !== "";
}

/** The table as ipvsadm saves it. */
async function table(node: TroopNode): Promise<string[]> {
  return (await node.host.run("ipvsadm", "-Sn")).split("\n").filter((row) => row !== "").toSorted();
}
