import { describe, expect, test } from "bun:test";
import { isActive } from "../../../src/core/desired/desired.ts";
import { desiredModules, desiredSwitches } from "../../../src/core/desired/desired_switches.ts";
import type { State } from "../../../src/core/state.ts";
import {
  firstOfTwo,
  holding,
  idOf,
  machine,
  markService,
  type ModelNode,
  modelNode,
  serverEntry,
  service,
  type Shared,
  viewOf,
  VIP,
} from "../../support/cluster_views.ts";

const VIP6 = "2001:db8::100";
const OTHER = "10.0.0.101";

function switchesOf(shared: Shared, fields: Partial<ModelNode> = {}): Record<string, string> {
  const state = viewOf([modelNode(1, fields), modelNode(2)], 1, shared);
  return Object.fromEntries(desiredSwitches(state).map(({ name, value }) => [name, value]));
}

const HELD = { holds: holding(1) };

describe("desiredSwitches", () => {
  const names = (state: State) => desiredSwitches(state).map(({ name }) => name);
  const value = (state: State, name: string) =>
    desiredSwitches(state).find((item) => item.name === name)?.value;

  test("silence ARP on the VIP's interface first", () => {
    expect(desiredSwitches(firstOfTwo({})).slice(0, 2)).toMatchObject([
      { name: "net.ipv4.conf.eth0.arp_ignore", value: "1", atLeast: true },
      { name: "net.ipv4.conf.eth0.arp_announce", value: "2", atLeast: true },
    ]);
  });

  const backupOnly: [what: string, fields: Partial<ModelNode>, value: string][] = [
    ["a holder balances", HELD, "0"],
    ["a node that has just let go balances", { holds: holding(1, "settling") }, "0"],
    ["and while it finishes", { holds: holding(1, "lingering") }, "0"],
    ["a standby is bypassed", {}, "1"],
  ];
  test.each(backupOnly)("%s: backup_only", (_what, fields, expected) => {
    const state = firstOfTwo(fields);
    expect(value(state, "net.ipv4.vs.backup_only")).toBe(expected);
    expect(isActive(state)).toBe(expected === "0");
  });

  test("send a client that uses its port again to a server that is chosen anew", () => {
    expect(value(firstOfTwo({}), "net.ipv4.vs.conn_reuse_mode")).toBe("3");
  });

  test("let a node that comes back learn of long connections", () => {
    expect(value(firstOfTwo({}), "net.ipv4.vs.sync_threshold")).toBe("1\t0");
    expect(value(firstOfTwo({}), "net.ipv4.vs.sync_refresh_period")).toBe("10");
  });

  test("leave IPVS alone on a node that is no director, and ARP too without VIPs", () => {
    expect(names(firstOfTwo({ director: false }))).toEqual([
      "net.ipv4.conf.eth0.arp_ignore",
      "net.ipv4.conf.eth0.arp_announce",
    ]);
    expect(names(firstOfTwo({}, []))).toEqual([]);
  });

  test("name every interface once, and a dot in its name as a slash", () => {
    const state = firstOfTwo({}, [VIP, OTHER, "10.0.0.102"], ({ placements }) => {
      placements.set(OTHER, { interface: "eth0.7", unfit: null });
    });
    expect(names(state).filter((name) => name.startsWith("net.ipv4.conf."))).toEqual([
      "net.ipv4.conf.eth0.arp_ignore",
      "net.ipv4.conf.eth0.arp_announce",
      "net.ipv4.conf.eth0/7.arp_ignore",
      "net.ipv4.conf.eth0/7.arp_announce",
    ]);
  });

  test("leave ARP alone for an IPv6 VIP, which has none", () => {
    expect(names(firstOfTwo({}, [VIP6])).filter((name) => name.includes("arp"))).toEqual([]);
  });
});

describe("settings", () => {
  const cases: [settings: Shared["settings"] & object, name: string, value: string][] = [
    [{}, "conn_reuse_mode", "3"],
    [{ "conn-reuse-mode": "1" }, "conn_reuse_mode", "1"],
    [{}, "sync_refresh_period", "10"],
    [{ "sync-refresh-period": "60" }, "sync_refresh_period", "60"],
    [{}, "expire_nodest_conn", "1"],
    [{ "expire-nodest-conn": "off" }, "expire_nodest_conn", "0"],
    [{}, "expire_quiescent_template", "1"],
    [{ "expire-quiescent-template": "off" }, "expire_quiescent_template", "0"],
    [{ "sloppy-tcp": "on" }, "sloppy_tcp", "1"],
    [{ "sloppy-tcp": "off" }, "sloppy_tcp", "0"],
  ];
  test.each(cases)("%j: %s is %s", (settings, name, value) => {
    const switches = switchesOf({ services: [service()], settings });
    expect(switches[`net.ipv4.vs.${name}`]).toBe(value);
  });

  test.each(
    [["wlc", "0"], ["rr", "0"], ["sh", "1"], ["mh", "1"], ["dh", "1"], ["lblc", "0"]] as const,
  )(
    "sloppy_tcp follows the schedulers: %s",
    (scheduler, value) => {
      const services = [service(), service({ port: 443, scheduler })];
      expect(switchesOf({ services })["net.ipv4.vs.sloppy_tcp"]).toBe(value);
    },
  );

  test("sloppy_tcp stays off with a hash where an operator says so", () => {
    const settings = { "sloppy-tcp": "off" } as const;
    expect(
      switchesOf({ services: [service({ scheduler: "sh" })], settings })["net.ipv4.vs.sloppy_tcp"],
    ).toBe("0");
  });
});

describe("NAT", () => {
  const forwarding = { forwarding: "nat" } as const;
  const redirects = ["net.ipv4.conf.all.send_redirects", "net.ipv4.conf.eth0.send_redirects"];

  test("needs this node to route, and to keep quiet about a shorter way", () => {
    const switches = switchesOf({ services: [service(forwarding)] });
    expect(switches["net.ipv4.ip_forward"]).toBe("1");
    for (const name of redirects) expect(switches[name]).toBe("0");
    expect(switches["net.ipv6.conf.all.forwarding"]).toBeUndefined();
  });

  test("is seen in what is said of a single server too", () => {
    for (const target of [{ node: idOf(2) }, machine(21)]) {
      const servers = [serverEntry(target, forwarding)];
      const switches = switchesOf({ services: [service()], servers });
      expect(switches["net.ipv4.ip_forward"]).toBe("1");
    }
    const switches = switchesOf({ services: [service()], servers: [serverEntry(machine(21))] });
    expect(switches["net.ipv4.ip_forward"]).toBeUndefined();
  });

  test("of IPv6 needs routing of IPv6, and a router that is still listened to, before it", () => {
    const switches = switchesOf({ services: [service({ address: VIP6, ...forwarding })] });
    const order = Object.keys(switches);
    expect(switches).toMatchObject({
      "net.ipv6.conf.all.forwarding": "1",
      "net.ipv6.conf.eth0.accept_ra": "2",
    });
    expect(switches["net.ipv4.ip_forward"]).toBeUndefined();
    expect(order.indexOf("net.ipv6.conf.eth0.accept_ra"))
      .toBeLessThan(order.indexOf("net.ipv6.conf.all.forwarding"));
  });

  test("of a mark service is of the mark's family", () => {
    const mark = markService({ family: 6, vips: [VIP6], ...forwarding });
    expect(switchesOf({ services: [mark] })["net.ipv6.conf.all.forwarding"]).toBe("1");
  });

  test("asks nothing of a node that is no director", () => {
    const switches = switchesOf({ services: [service(forwarding)] }, { director: false });
    expect(switches["net.ipv4.ip_forward"]).toBeUndefined();
  });
});

describe("tunnels", () => {
  const tunnelled = (kind: "ipip" | "gue" | "gre") =>
    service({
      forwarding: "tunnel",
      tunnel: { kind, port: kind === "gue" ? 6_080 : 0, checksum: "none" },
    });

  test.each([["ipip", "tunl0"], ["gue", "tunl0"], ["gre", "gre0"]] as const)(
    "of %s let %s take clients that are reached another way",
    (kind, device) => {
      expect(switchesOf({ services: [tunnelled(kind)] }))
        .toMatchObject({ [`net.ipv4.conf.${device}.rp_filter`]: "2" });
    },
  );

  test("ask nothing of a node that is no real server, nor of IPv6", () => {
    const none = switchesOf({ services: [tunnelled("ipip")] }, { realServer: false });
    expect(Object.keys(none).filter((name) => name.includes("rp_filter"))).toEqual([]);
    const six = { ...tunnelled("ipip"), address: VIP6 };
    expect(Object.keys(switchesOf({ services: [six] })).filter((name) => name.includes("rp_")))
      .toEqual([]);
  });
});

describe("desiredModules", () => {
  const modules = (shared: Shared, fields: Partial<ModelNode> = {}) =>
    desiredModules(viewOf([modelNode(1, fields)], 1, shared));
  const nat = { forwarding: "nat" } as const;
  const cases: [what: string, services: Shared["services"], wanted: boolean][] = [
    ["FTP through NAT", [service({ port: 21, ...nat })], true],
    ["FTP on another port of the VIP", [service({ port: 2_121, serverPort: 21, ...nat })], true],
    ["FTP to another port of the server", [service({ port: 21, serverPort: 2_121, ...nat })], true],
    ["FTP by direct routing", [service({ port: 21 })], false],
    ["NAT without FTP", [service(nat)], false],
    ["UDP on FTP's port", [service({ port: 21, protocol: "udp", ...nat })], false],
    ["a mark", [markService(nat)], false],
  ];
  test.each(cases)("%s: the helper for FTP", (_what, services, wanted) => {
    expect(modules({ services })).toEqual(wanted ? ["ip_vs_ftp"] : []);
    expect(modules({ services }, { director: false })).toEqual([]);
  });
});
