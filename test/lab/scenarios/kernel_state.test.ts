/**
 * What troop leaves in the kernel: rows as ipvsadm reads them, and after leaving nothing at all.
 */
import { expect } from "bun:test";
import { addService, scenario, startService, streamlined, VIP } from "../scenario.ts";
import type { TroopNode } from "../troop.ts";
import { waitFor } from "../wait.ts";

scenario(
  "ipvsadm reads back what troop wrote, for every scheduler, TCP and UDP",
  { slug: "read-back", hosts: streamlined },
  async (lab) => {
    const { nodes } = await startService(lab);
    for (const scheduler of ["wlc", "wrr", "sh", "mh"]) {
      await nodes[1]!.troop("service", "remove", `${VIP}:80`);
      await nodes[0]!.troop(...addService(VIP, scheduler));
      for (const node of nodes) {
        await awaitTable(node, [
          `-A -t ${VIP}:80 -s ${scheduler}`,
          `-a -t ${VIP}:80 -r 192.168.6.4:80 -g -w 1`,
          `-a -t ${VIP}:80 -r 192.168.6.5:80 -g -w 1`,
        ]);
      }
    }
    await nodes[1]!.troop("service", "remove", `${VIP}:80`);
    await nodes[1]!.troop("service", "add", `${VIP}:53/udp`, "--scheduler", "rr");
    for (const node of nodes) {
      await awaitTable(node, [
        `-A -u ${VIP}:53 -s rr`,
        `-a -u ${VIP}:53 -r 192.168.6.4:53 -g -w 1`,
        `-a -u ${VIP}:53 -r 192.168.6.5:53 -g -w 1`,
      ]);
    }
  },
);

scenario(
  "leave takes everything with it: addresses, rows, sync daemons, sysctls",
  { slug: "leave", hosts: streamlined },
  async (lab) => {
    const before = new Map<string, string>();
    for (const name of ["n1", "n2"]) before.set(name, await footprint(lab.host(name)));
    const { nodes } = await startService(lab);
    for (const node of nodes) expect(await footprint(node.host)).not.toBe(before.get(node.name)!);
    for (const node of nodes) {
      // Noted on the disk of the other, or there is none.
      expect(await node.troop("leave")).toMatch(/^n\d left cluster [^,]*$/m);
      expect(await node.agent.exited()).toBe(0);
      expect(await footprint(node.host)).toBe(before.get(node.name)!);
    }
  },
);

/** All that troop may change in the kernel, as text. */
function footprint(host: TroopNode["host"]): Promise<string> {
  return host.script(`
    ip -o addr show | sed 's/valid_lft.*//'
    ipvsadm -Sn
    ipvsadm -L --daemon
    for switch in /proc/sys/net/ipv4/vs/* /proc/sys/net/ipv4/conf/{all,lo,eth0}/{arp_ignore,arp_announce,arp_filter,rp_filter,accept_local,send_redirects}; do
      echo "$switch $(cat $switch 2>/dev/null || true)"
    done`);
}

async function awaitTable(node: TroopNode, rows: readonly string[]): Promise<void> {
  await waitFor(async () => {
    const table = (await node.host.run("ipvsadm", "-Sn")).trim().split("\n").toSorted();
    if (table.join("\n") === rows.toSorted().join("\n")) return true;
    throw new Error(table.join("; "));
  }, { what: `${node.name} has ${rows.join("; ")}`, limitMs: 10_000 });
}
