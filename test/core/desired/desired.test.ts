import { describe, expect, test } from "bun:test";
import { type DesiredAddress, desiredAddresses } from "../../../src/core/desired/desired.ts";
import { LEASE_S } from "../../../src/core/timing.ts";
import {
  firstOfTwo,
  holding,
  type ModelNode,
  modelNode,
  service,
  viewOf,
  VIP,
  vipEntry,
} from "../../support/cluster_views.ts";

const VIP6 = "2001:db8::100";

const HELD = { holds: holding(1) };

describe("desiredAddresses", () => {
  const onLo = { address: VIP, prefixLength: 32, interface: "lo", leaseS: null, label: null };
  const onLan = { address: VIP, prefixLength: 32, interface: "eth0", leaseS: LEASE_S, label: null };
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
    expect(desiredAddresses(firstOfTwo(fields))).toEqual(wanted);
  });

  test("an IPv6 VIP covers one host too", () => {
    const state = firstOfTwo({ holds: holding(1, "holding", VIP6) }, [VIP6]);
    const [path] = state.self.paths;
    const self = { ...state.self, paths: [{ ...path, address: "2001:db8::1" }] as [typeof path] };
    const wanted = desiredAddresses({ ...state, self });
    expect(wanted.map(({ prefixLength }) => prefixLength)).toEqual([128, 128]);
    // Without an address of that family no packet of it can be sent to this node.
    expect(desiredAddresses(state).map((item) => item.interface)).toEqual(["eth0"]);
  });

  test("a label stands on the LAN's address only, where the kernel takes it", () => {
    const labels = (label: string, interfaceName: string, address = VIP) => {
      const shared = { services: [service({ address })], vips: [vipEntry({ address, label })] };
      const held = { holds: holding(1, "holding", address) };
      const state = viewOf([modelNode(1, held)], 1, shared);
      state.placements.set(address, { interface: interfaceName, unfit: null });
      return desiredAddresses(state).map((item) => item.label);
    };
    expect(labels("1", "eth0")).toEqual([null, "eth0:1"]);
    expect(labels("1234567890", "eth0")).toEqual([null, "eth0:1234567890"]);
    expect(labels("12345678901", "eth0")).toEqual([null, null]);
    expect(labels("1", "eth0", VIP6)).toEqual([null]);
  });

  test("with NAT a real server does not need the VIP", () => {
    const services = [service({ forwarding: "nat" })];
    expect(desiredAddresses(viewOf([modelNode(1)], 1, { services }))).toEqual([]);
    expect(desiredAddresses(viewOf([modelNode(1, HELD)], 1, { services }))).toEqual([onLan]);
  });

  test("a VIP without services is held, and on no lo", () => {
    const state = viewOf([modelNode(1, HELD)], 1, { services: [], vips: [vipEntry()] });
    expect(desiredAddresses(state)).toEqual([onLan]);
  });

  test("a VIP out of reach is wanted nowhere", () => {
    const state = firstOfTwo(
      HELD,
      [VIP],
      ({ placements }) => placements.set(VIP, { interface: null, unfit: "out of reach" }),
    );
    expect(desiredAddresses(state)).toEqual([]);
  });

  test("a VIP that is not looked at yet is wanted nowhere", () => {
    expect(desiredAddresses(firstOfTwo(HELD, [VIP], ({ placements }) => placements.clear())))
      .toEqual([]);
  });
});
