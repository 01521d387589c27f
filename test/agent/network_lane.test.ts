import { describe, expect, test } from "bun:test";
import { EMPTY_DOCUMENT } from "../../src/core/document/document.ts";
import { step } from "../../src/core/step.ts";
import { LEASE_S, NETWORK_MS, RENEW_MS, WITNESS_ASK_MS } from "../../src/core/timing.ts";
import { holding, LAN, NOW, VIP } from "../support/cluster_views.ts";
import { NetworkBench } from "../support/network_bench.ts";

const ARP = `net.ipv4.conf.${LAN}`;

describe("a standby", () => {
  test("silences ARP before the VIP is on lo", () => {
    const bench = new NetworkBench();
    bench.turn();
    const asked = bench.kernel.asked();
    expect(asked.slice(0, 2)).toEqual([
      `switch ${ARP}.arp_ignore = 1`,
      `switch ${ARP}.arp_announce = 2`,
    ]);
    expect(asked).toContain("switch net.ipv4.vs.backup_only = 1");
    expect(asked.at(-1)).toBe(`put ${VIP}/32 on lo`);
    expect(asked.filter((request) => request.startsWith("put"))).toHaveLength(1);
  });

  test("asks nothing of the kernel once all is as wanted", () => {
    const bench = new NetworkBench();
    bench.turn();
    expect(bench.turns(5_000)).toEqual([]);
  });

  test("that takes over switches IPVS on, adds the address, announces it, in this order", () => {
    const bench = new NetworkBench();
    bench.turn();
    bench.kernel.asked();
    bench.take();
    bench.turn();
    expect(bench.kernel.asked()).toEqual([
      "switch net.ipv4.vs.backup_only = 0",
      `put ${VIP}/32 on ${LAN}`,
      `announce ${VIP} on ${LAN}`,
    ]);
    expect(bench.kernel.where(VIP)).toEqual(["lo", LAN]);
    expect(bench.state.holds.get(VIP)).toMatchObject({
      announcedMs: bench.kernel.nowMs,
      renewedMs: bench.kernel.nowMs,
    });
  });
});

describe("a holder", () => {
  test("renews the lease in time, and a short stall does not lose it", () => {
    const bench = new NetworkBench({ holds: holding(1) });
    bench.turn();
    const renewals = bench.turns(5_000, "put").length;
    expect(renewals).toBeGreaterThanOrEqual(8);
    expect(renewals).toBeLessThanOrEqual(5_000 / RENEW_MS);
    expect(bench.kernel.where(VIP)).toContain(LAN);
    bench.kernel.pass(LEASE_S * 1_000 - RENEW_MS - 20);
    expect(bench.kernel.where(VIP)).toContain(LAN);
  });

  test("puts back an address that somebody took away, and announces it anew", () => {
    const bench = new NetworkBench({ holds: holding(1) });
    bench.turn();
    bench.kernel.addressPort.remove({ address: VIP, prefixLength: 32, interface: LAN });
    bench.kernel.addressPort.remove({ address: VIP, prefixLength: 32, interface: "lo" });
    const asked = bench.turns(NETWORK_MS + 20);
    expect(asked).toContain(`put ${VIP}/32 on ${LAN}`);
    expect(asked).toContain(`put ${VIP}/32 on lo`);
    expect(asked).toContain(`announce ${VIP} on ${LAN}`);
  });

  test.each([null, 3_600])(
    "gives an address its lease back at once to which somebody gave %p s",
    (validSeconds) => {
      const bench = new NetworkBench({ holds: holding(1) });
      bench.turn();
      bench.kernel.addressPort.put({
        address: VIP,
        prefixLength: 32,
        interface: LAN,
        validSeconds,
      });
      expect(bench.turns(NETWORK_MS + 20, `put ${VIP}/32 on ${LAN}`)).toHaveLength(1);
      bench.kernel.pass(LEASE_S * 1_000);
      expect(bench.kernel.where(VIP)).not.toContain(LAN);
    },
  );

  test("that lets go takes the address off the LAN and keeps it on lo", () => {
    const bench = new NetworkBench({ holds: holding(1) });
    bench.turn();
    const held = bench.state.holds.get(VIP);
    if (held !== undefined) held.phase = "settling";
    bench.kernel.asked();
    bench.turn();
    expect(bench.kernel.asked()).toEqual([`remove ${VIP}/32 from ${LAN}`]);
    expect(bench.kernel.where(VIP)).toEqual(["lo"]);
  });

  test("announces nothing that is not there", () => {
    const bench = new NetworkBench();
    bench.turn();
    bench.kernel.failing.set(`put ${VIP}/32 on ${LAN}`, "EPERM");
    bench.take();
    bench.kernel.asked();
    expect(bench.turns(200, "announce")).toEqual([]);
    bench.kernel.failing.clear();
    expect(bench.turns(20, "announce")).toEqual([`announce ${VIP} on ${LAN}`]);
  });
});

describe("a starting node that adopted a VIP", () => {
  function adopting(remainingMs: number): NetworkBench {
    const bench = new NetworkBench({ phase: "starting" });
    bench.kernel.addresses.push({
      address: VIP,
      prefixLength: 32,
      interface: LAN,
      validSeconds: 1,
      expiresMs: NOW + remainingMs,
    });
    step(bench.state, { kind: "adopt", vip: VIP, epoch: 3, remainingMs }, NOW);
    return bench;
  }

  test("announces it and lets the lease run on: it has heard nobody yet", () => {
    const bench = adopting(900);
    const asked = bench.turns(700);
    expect(asked.filter((request) => request.startsWith(`put ${VIP}/32 on ${LAN}`))).toEqual([]);
    expect(asked).toContain(`announce ${VIP} on ${LAN}`);
    bench.state.phase = "running";
    expect(bench.turns(20, "put")).toEqual([`put ${VIP}/32 on ${LAN}`]);
  });

  test("does not put back or announce what has lapsed: another may hold it by now", () => {
    const bench = adopting(100);
    bench.turns(100 + NETWORK_MS);
    expect(bench.kernel.where(VIP)).toEqual(["lo"]);
    const asked = bench.turns(400);
    expect(asked.filter((request) => /^(put|announce)/.test(request))).toEqual([]);
    bench.state.phase = "running";
    expect(bench.turns(20)).toEqual([`put ${VIP}/32 on ${LAN}`, `announce ${VIP} on ${LAN}`]);
  });
});

describe("addresses", () => {
  const foreign = [
    { address: "192.0.2.9", prefixLength: 32, interface: LAN, validSeconds: null },
    { address: "192.0.2.9", prefixLength: 32, interface: "lo", validSeconds: null },
    // Somebody's VIP with a network behind it is a machine's own address.
    { address: VIP, prefixLength: 24, interface: LAN, validSeconds: null },
  ];

  test("that are not troop's stay, whatever happens", () => {
    const bench = new NetworkBench({ holds: holding(1) });
    bench.kernel.addresses.push(...foreign);
    bench.turn();
    step(bench.state, { kind: "document", document: EMPTY_DOCUMENT }, NOW);
    bench.state.holds.clear();
    bench.lane.place(bench.state);
    bench.turn();
    bench.lane.restore();
    for (const item of foreign) expect(bench.kernel.addresses).toContainEqual(item);
    expect(bench.kernel.addresses.some(({ address }) => address === "10.0.0.1")).toBe(true);
  });

  test("of a VIP that is no more are taken away everywhere", () => {
    const bench = new NetworkBench({ holds: holding(1) });
    bench.turn();
    step(bench.state, { kind: "document", document: EMPTY_DOCUMENT }, NOW);
    bench.state.holds.clear();
    bench.lane.place(bench.state);
    bench.turn();
    expect(bench.kernel.where(VIP)).toEqual([]);
  });

  test("left by an earlier run are swept when this run does not hold the VIP", () => {
    const bench = new NetworkBench({ realServer: false });
    for (const name of [LAN, "lo"]) {
      bench.kernel.addresses.push({
        address: VIP,
        prefixLength: 32,
        interface: name,
        validSeconds: null,
      });
    }
    bench.turn();
    expect(bench.kernel.where(VIP)).toEqual([]);
  });

  test("are not touched when they cannot be listed", () => {
    const bench = new NetworkBench({ holds: holding(1) });
    bench.turn();
    bench.kernel.failing.set("list addresses", "ENOBUFS");
    const before = bench.kernel.where(VIP);
    bench.turns(NETWORK_MS + 20);
    expect(bench.kernel.where(VIP)).toEqual(before);
    expect(bench.state.placements.get(VIP)?.unfit).toBeNull();
    expect(bench.log.lines()).toEqual(["error: list addresses: ENOBUFS"]);
  });

  test("are looked at now and then, and at once when asked to", () => {
    const bench = new NetworkBench();
    bench.turn();
    bench.kernel.links = bench.kernel.links.map((link) => ({ ...link, carrier: false }));
    bench.turns(NETWORK_MS - 40);
    expect(bench.state.placements.get(VIP)?.unfit).toBeNull();
    bench.lane.observe(bench.state, bench.kernel.nowMs, true);
    expect(bench.state.placements.get(VIP)?.unfit).toBe(`interface ${LAN} has no carrier`);
  });
});

test("leftovers are the VIPs on the LAN, with the rest of their lifetime", () => {
  const bench = new NetworkBench();
  const put = (address: string, interfaceName: string, validSeconds: number | null, length = 32) =>
    bench.kernel.addresses.push({
      address,
      prefixLength: length,
      interface: interfaceName,
      validSeconds,
    });
  put(VIP, LAN, 2);
  put(VIP, "lo", null);
  put("10.0.0.101", LAN, null);
  put("10.0.0.102", LAN, 1, 24);
  put("10.0.0.103", LAN, 1);
  bench.lane.observe(bench.state, NOW, true);
  expect(bench.lane.leftovers([VIP, "10.0.0.101", "10.0.0.102"])).toEqual([
    { vip: VIP, remainingMs: 2_000 },
    // For ever is no lease: nobody renewed it.
    { vip: "10.0.0.101", remainingMs: 0 },
  ]);
});

test("an address that was a VIP once belongs to whoever adds it after it is gone", () => {
  const bench = new NetworkBench({ holds: holding(1) });
  bench.turn();
  step(bench.state, { kind: "document", document: EMPTY_DOCUMENT }, bench.kernel.nowMs);
  bench.state.holds.clear();
  bench.turns(2 * NETWORK_MS);
  expect(bench.kernel.where(VIP)).toEqual([]);
  bench.turns(2 * NETWORK_MS);
  expect(bench.lane.remembered).toBe(0);
  bench.kernel.addresses.push({
    address: VIP,
    prefixLength: 32,
    interface: "lo",
    validSeconds: null,
  });
  bench.turns(2 * NETWORK_MS);
  expect(bench.kernel.where(VIP)).toEqual(["lo"]);
});

describe("a kernel call that fails", () => {
  const calls: [
    request: string,
    code: string,
    change: (bench: NetworkBench) => void,
    log: string,
  ][] = [
    [`put ${VIP}/32 on ${LAN}`, "EPERM", (bench) => bench.take(), `add address ${VIP} to ${LAN}`],
    [`announce ${VIP}`, "ENETDOWN", (bench) => bench.take(), `announce VIP ${VIP} on ${LAN}`],
    [
      "switch net.ipv4.vs.backup_only",
      "EACCES",
      (bench) => bench.take(),
      "set switch net.ipv4.vs.backup_only",
    ],
    [
      `remove ${VIP}/32 from lo`,
      "EPERM",
      (bench) => {
        step(bench.state, { kind: "document", document: EMPTY_DOCUMENT }, NOW);
        bench.lane.place(bench.state);
      },
      `remove address ${VIP} from lo`,
    ],
  ];
  test.each(calls)(
    "%s is told once, tried again, and told when it works",
    (request, code, change, what) => {
      const bench = new NetworkBench();
      bench.turn();
      change(bench);
      bench.kernel.failing.set(request, code);
      expect(bench.turns(2_500, request).length).toBeGreaterThan(1);
      const lines = bench.log.lines();
      expect(lines).toHaveLength(1);
      expect(lines[0]).toStartWith(`error: ${request}`);
      bench.kernel.failing.clear();
      expect(bench.turns(1_200, request).length).toBeGreaterThan(0);
      expect(bench.log.lines()).toEqual([`info: ${what}: works again`]);
    },
  );
});

describe("questions to the LAN", () => {
  function asking(): NetworkBench {
    const bench = new NetworkBench();
    bench.turn();
    bench.state.witnesses.set(VIP, {
      lastAskedMs: -Infinity,
      asks: 0,
      mac: null,
    });
    return bench;
  }

  test("are asked on the VIP's interface, with time between", () => {
    const bench = asking();
    const asked = bench.turns(200, "ask");
    expect(asked).toEqual(Array(asked.length).fill(`ask ${VIP} on ${LAN}`));
    expect(asked.length).toBeGreaterThan(3);
    expect(asked.length).toBeLessThanOrEqual(200 / WITNESS_ASK_MS);
    expect(bench.state.witnesses.get(VIP)?.asks).toBe(asked.length);
  });

  test("that could not be asked do not count", () => {
    const bench = asking();
    bench.kernel.failing.set("ask", "ENETDOWN");
    bench.turns(200);
    expect(bench.state.witnesses.get(VIP)?.asks).toBe(0);
    expect(bench.log.lines()).toEqual([`error: ask ${VIP} on ${LAN}: ENETDOWN`]);
  });
});
