import { describe, expect, test } from "bun:test";
import {
  type DesiredAddress,
  desiredAddresses,
  desiredDaemons,
  desiredSwitches,
  isActive,
  syncIdOf,
} from "../../src/core/desired.ts";
import type { State } from "../../src/core/state.ts";
import { LEASE_S } from "../../src/core/timing.ts";
import {
  holding,
  type ModelNode,
  modelNode,
  service,
  viewOf,
  VIP,
} from "../support/cluster_views.ts";

const VIP6 = "2001:db8::100";
const OTHER = "10.0.0.101";

function stateOf(
  fields: Partial<ModelNode>,
  vips: readonly string[] = [VIP],
  change: (state: State) => void = () => {},
): State {
  const services = vips.map((address) => service({ address }));
  const state = viewOf([modelNode(1, fields), modelNode(2)], 1, { services });
  change(state);
  return state;
}

const HELD = { holds: holding(1) };

describe("desiredAddresses", () => {
  const onLo = { address: VIP, prefixLength: 32, interface: "lo", leaseS: null };
  const onLan = { address: VIP, prefixLength: 32, interface: "eth0", leaseS: LEASE_S };
  const cases: [what: string, fields: Partial<ModelNode>, wanted: DesiredAddress[]][] = [
    ["a holder that is a real server", HELD, [onLo, onLan]],
    ["a holder that is none", { ...HELD, realServer: false }, [onLan]],
    ["a standby that is a real server", {}, [onLo]],
    ["a standby that is none", { realServer: false }, []],
    ["a real server that is no director", { director: false }, [onLo]],
    ["a node that has let go keeps serving itself", { holds: holding(1, "settling") }, [onLo]],
    ["and goes on when the table is local", { holds: holding(1, "lingering") }, [onLo]],
    ["a leaving holder keeps the VIP until its successor has it", { ...HELD, phase: "leaving" }, [
      onLo,
      onLan,
    ]],
    // Carrier or not: whether it is held is a decision, not a wish.
    ["a holder without a carrier until it decides", { ...HELD, unfit: "no carrier" }, [
      onLo,
      onLan,
    ]],
  ];
  test.each(cases)("%s", (_what, fields, wanted) => {
    expect(desiredAddresses(stateOf(fields))).toEqual(wanted);
  });

  test("an IPv6 VIP covers one host too", () => {
    const state = stateOf({ holds: holding(1, "holding", VIP6) }, [VIP6]);
    expect(desiredAddresses(state).map(({ prefixLength }) => prefixLength)).toEqual([128, 128]);
  });

  test("a VIP out of reach is wanted nowhere", () => {
    const state = stateOf(
      HELD,
      [VIP],
      ({ placements }) => placements.set(VIP, { interface: null, unfit: "out of reach" }),
    );
    expect(desiredAddresses(state)).toEqual([]);
  });

  test("a VIP that is not looked at yet is wanted nowhere", () => {
    expect(desiredAddresses(stateOf(HELD, [VIP], ({ placements }) => placements.clear())))
      .toEqual([]);
  });
});

describe("desiredSwitches", () => {
  const names = (state: State) => desiredSwitches(state).map(({ name }) => name);
  const value = (state: State, name: string) =>
    desiredSwitches(state).find((item) => item.name === name)?.value;

  test("silence ARP on the VIP's interface first", () => {
    expect(desiredSwitches(stateOf({})).slice(0, 2)).toEqual([
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
    const state = stateOf(fields);
    expect(value(state, "net.ipv4.vs.backup_only")).toBe(expected);
    expect(isActive(state)).toBe(expected === "0");
  });

  test("send a client that uses its port again to a server that is chosen anew", () => {
    expect(value(stateOf({}), "net.ipv4.vs.conn_reuse_mode")).toBe("3");
  });

  test("let a node that comes back learn of long connections", () => {
    expect(value(stateOf({}), "net.ipv4.vs.sync_threshold")).toBe("1\t0");
    expect(value(stateOf({}), "net.ipv4.vs.sync_refresh_period")).toBe("10");
  });

  test("leave IPVS alone on a node that is no director, and ARP too without VIPs", () => {
    expect(names(stateOf({ director: false }))).toEqual([
      "net.ipv4.conf.eth0.arp_ignore",
      "net.ipv4.conf.eth0.arp_announce",
    ]);
    expect(names(stateOf({}, []))).toEqual([]);
  });

  test("name every interface once, and a dot in its name as a slash", () => {
    const state = stateOf({}, [VIP, OTHER, "10.0.0.102"], ({ placements }) => {
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
    expect(names(stateOf({}, [VIP6])).filter((name) => name.includes("arp"))).toEqual([]);
  });
});

describe("desiredDaemons", () => {
  const daemon = { interface: "eth0", syncId: syncIdOf("test") };
  const cases: [
    what: string,
    fields: Partial<ModelNode>,
    vips: string[],
    master: boolean,
    backup: boolean,
  ][] = [
    ["a holder of every VIP sends", HELD, [VIP], true, false],
    ["a standby receives", {}, [VIP], false, true],
    ["a holder of one of two does both", HELD, [VIP, OTHER], true, true],
    ["a node that has let go receives", { holds: holding(1, "lingering") }, [VIP], false, true],
    ["a node without VIPs does nothing", {}, [], false, false],
    ["a node that is no director does nothing", { director: false }, [VIP], false, false],
  ];
  test.each(cases)("%s", (_what, fields, vips, master, backup) => {
    expect(desiredDaemons(stateOf(fields, vips), "eth0")).toEqual({
      master: master ? daemon : null,
      backup: backup ? daemon : null,
    });
  });

  test("take the interface they are given", () => {
    expect(desiredDaemons(stateOf({}), "eth1").backup?.interface).toBe("eth1");
  });
});

test("syncIdOf is never 0, which would accept everything, and tells clusters apart", () => {
  const ids = Array.from({ length: 2_000 }, (_, index) => syncIdOf(`cluster-${index}`));
  expect(Math.min(...ids)).toBe(1);
  expect(Math.max(...ids)).toBe(255);
  expect(new Set(ids).size).toBe(255);
});
