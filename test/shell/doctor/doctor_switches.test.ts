import { describe, expect, test } from "bun:test";
import { diagnose } from "../../../src/shell/doctor/doctor.ts";
import { config, home, machine } from "./doctor_machine.ts";

describe("switches", () => {
  test("shows every switch troop may set: value now, value wanted, and why", async () => {
    const found = await diagnose(home, machine());
    const switches = found.flatMap((item) => item.switches ?? []);
    expect(switches.map(({ name, now, wanted }) => `${name} ${now} ${wanted}`)).toEqual([
      "net.ipv4.conf.eth0.arp_ignore 0 1",
      "net.ipv4.conf.eth0.arp_announce 0 2",
      "net.ipv4.vs.backup_only 0 0 or 1",
      "net.ipv4.vs.conn_reuse_mode 1 3",
      "net.ipv4.vs.sync_threshold 3 50 1 0",
      "net.ipv4.vs.sync_refresh_period 0 10",
      "net.ipv4.vs.expire_nodest_conn 0 1",
      "net.ipv4.vs.expire_quiescent_template 0 1",
      "net.ipv4.vs.sloppy_tcp 0 0 or 1",
      "net.ipv4.conf.gre0.rp_filter null 2 with tunnels",
      "net.ipv4.conf.tunl0.rp_filter null 2 with tunnels",
      "net.ipv4.ip_forward 1 1 with nat",
      "net.ipv4.conf.all.send_redirects null 0 with nat",
      "net.ipv4.conf.eth0.send_redirects null 0 with nat",
      "net.ipv6.conf.eth0.accept_ra null 2 with nat",
      "net.ipv6.conf.all.forwarding null 1 with nat",
    ]);
    for (const { why } of switches) expect(why.length).toBeGreaterThan(20);
  });

  test("finds the switches of an interface with a dot in its name", async () => {
    const path = "/proc/sys/net/ipv4/conf/eth0.100/arp_ignore";
    const tools = {
      readConfig: () => ({ config: { ...config, interface: "eth0.100" }, warnings: [] }),
    };
    const found = await diagnose(home, machine({ files: { [path]: "1\n" }, tools }));
    expect(found.flatMap((item) => item.switches ?? [])[0]).toMatchObject({
      name: "net.ipv4.conf.eth0/100.arp_ignore",
      now: "1",
    });
  });
});
