/** Rows between the kernel's terms and those of decisions, both ways. */
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import type { IpvsDestination, IpvsService, IpvsServiceSettings } from "../../../ffi/mod.ts";
import { formatEndpoint } from "../../../src/core/address.ts";
import { formatServiceName } from "../../../src/core/service/service_name.ts";
import { NO_COUNTERS, NO_TRAFFIC, type TableService } from "../../../src/core/table/table.ts";
import {
  changeMaker,
  observedServer,
  observedService,
  serviceKeyOf,
  serviceNameOf,
} from "../../../src/shell/kernel/table_rows.ts";
import { arbitraryTable, comparable } from "../../support/arbitrary_table.ts";

const name = { address: "192.0.2.10", port: 80, protocol: "tcp" } as const;
const v6 = { ...name, address: "2001:db8::10" } as const;
const row: TableService = {
  ...name,
  scheduler: "sh",
  flags: [],
  onePacket: false,
  persistence: null,
  servers: [],
};

/** What the kernel gets for a service. */
function settingsFor(service: TableService): IpvsServiceSettings {
  const change = changeMaker()({ kind: "addService", service });
  if (change.command !== "newService") throw new Error(`unexpected ${change.command}`);
  return change.settings;
}

/** A row that came back from the kernel as it was written. */
function throughKernel(service: TableService) {
  const make = changeMaker();
  const added = make({ kind: "addService", service });
  if (added.command !== "newService") throw new Error(`unexpected ${added.command}`);
  const servers = service.servers.map((server) => {
    const change = make({ kind: "addServer", service, server });
    if (change.command !== "newDestination") throw new Error(`unexpected ${change.command}`);
    return observedServer({
      key: change.destination,
      settings: change.settings,
      activeConnections: 0,
      inactiveConnections: 0,
      persistentConnections: 0,
      statistics: NO_TRAFFIC,
    });
  });
  const settings = { ...added.settings, flags: added.settings.flags | 2 };
  const kernels: IpvsService = { key: added.service, settings, statistics: NO_TRAFFIC };
  return observedService({ name: serviceNameOf(added.service)!, service: kernels }, servers);
}

test("a row that goes to the kernel and comes back is the same, whatever is in it", () => {
  fc.assert(fc.property(arbitraryTable, (rows) => {
    for (const wanted of rows) {
      const seen = throughKernel(wanted);
      expect(comparable(seen)).toEqual(comparable(wanted));
      expect(seen).toMatchObject({ altered: false, traffic: NO_TRAFFIC });
    }
  }));
});

describe("the kernel's numbers", () => {
  test("flags of service and scheduler have the bits of linux/ip_vs.h", () => {
    expect(settingsFor(row).flags).toBe(0);
    const persistence = { timeoutS: 300, prefixLength: null, engine: null };
    expect(settingsFor({ ...row, persistence }).flags).toBe(0x1);
    expect(settingsFor({ ...row, onePacket: true }).flags).toBe(0x4);
    expect(settingsFor({ ...row, flags: ["flag-1"] }).flags).toBe(0x8);
    expect(settingsFor({ ...row, flags: ["flag-2", "flag-3"] }).flags).toBe(0x30);
  });

  test("a netmask is a mask for IPv4 and a length for IPv6, and all bits without one", () => {
    const persistence = { timeoutS: 300, prefixLength: 24, engine: null };
    expect(settingsFor({ ...row, persistence }).netmask).toBe(0xffff_ff00);
    expect(settingsFor({ ...row, ...v6, persistence }).netmask).toBe(24);
    expect(settingsFor({ ...row, persistence: { ...persistence, prefixLength: 1 } }).netmask)
      .toBe(0x8000_0000);
    expect(settingsFor(row).netmask).toBe(0xffff_ffff);
    expect(settingsFor({ ...row, ...v6 }).netmask).toBe(128);
    const mark: TableService = { ...row, protocol: "fwm", family: 6, mark: 7 } as TableService;
    expect(settingsFor(mark).netmask).toBe(128);
  });

  test("an edit names an engine, and a missing one as empty", () => {
    const persistence = { timeoutS: 300, prefixLength: null, engine: "sip" } as const;
    expect(settingsFor({ ...row, persistence })).toMatchObject({
      engine: "sip",
      timeoutSeconds: 300,
    });
    expect(settingsFor(row)).toMatchObject({ engine: "", timeoutSeconds: 0 });
  });

  const server = { address: "10.1.0.1", port: 80, weight: 1, upper: 0, lower: 0 } as const;
  const methods = [
    { forwarding: "nat", tunnel: null, number: 0, kernels: { type: 0, port: 0, flags: 0 } },
    { forwarding: "dr", tunnel: null, number: 3, kernels: { type: 0, port: 0, flags: 0 } },
    {
      forwarding: "tunnel",
      tunnel: { kind: "ipip", port: 0, checksum: "none" },
      number: 2,
      kernels: { type: 0, port: 0, flags: 0 },
    },
    {
      forwarding: "tunnel",
      tunnel: { kind: "gue", port: 6_080, checksum: "remcsum" },
      number: 2,
      kernels: { type: 1, port: 6_080, flags: 2 },
    },
    {
      forwarding: "tunnel",
      tunnel: { kind: "gre", port: 0, checksum: "csum" },
      number: 2,
      kernels: { type: 2, port: 0, flags: 1 },
    },
  ] as const;
  for (const { forwarding, tunnel, number, kernels } of methods) {
    test(`${forwarding} ${tunnel?.kind ?? ""} is method ${number}`, () => {
      const change = changeMaker()({
        kind: "addServer",
        service: name,
        server: { ...server, forwarding, tunnel },
      });
      expect(change).toMatchObject({ settings: { forwarding: number, tunnel: kernels } });
    });
  }
});

describe("names", () => {
  test("every key has a name: endpoints of three protocols, marks of two families", () => {
    const names = [
      name,
      { ...v6, protocol: "sctp" },
      { ...name, protocol: "udp", port: 0 },
      { protocol: "fwm", family: 4, mark: 1 },
      { protocol: "fwm", family: 6, mark: 0xffff_ffff },
    ] as const;
    const back = names.map((one) => formatServiceName(serviceNameOf(serviceKeyOf(one))!));
    expect(back).toEqual([
      "192.0.2.10:80",
      "[2001:db8::10]:80/sctp",
      "192.0.2.10:0/udp",
      "fwmark:1",
      "fwmark6:4294967295",
    ]);
  });

  test("what no packet can reach has none: other protocols, IPv4-mapped IPv6", () => {
    const key = serviceKeyOf(name);
    if (key.kind === "mark") throw new Error("no endpoint");
    expect(serviceNameOf({ ...key, protocol: 50 })).toBeUndefined();
    const mapped = Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 192, 0, 2, 10);
    expect(serviceNameOf({ ...key, address: mapped })).toBeUndefined();
  });
});

describe("what there is no word for", () => {
  const plain = { scheduler: "rr", flags: 2, timeoutSeconds: 0, netmask: 0xffff_ffff, engine: "" };
  const persistent = { ...plain, flags: 3, timeoutSeconds: 300 };

  function observe(settings: IpvsServiceSettings, of = name as typeof name | typeof v6) {
    const service = { key: serviceKeyOf(of), settings, statistics: NO_TRAFFIC };
    return observedService({ name: of, service }, []);
  }

  const cases = [
    { what: "a plain row", settings: plain, altered: false },
    { what: "an unknown flag", settings: { ...plain, flags: 2 | 0x40 }, altered: true },
    { what: "an engine without persistence", settings: { ...plain, engine: "sip" }, altered: true },
    { what: "an unknown engine", settings: { ...persistent, engine: "xyz" }, altered: true },
    {
      what: "a netmask with holes",
      settings: { ...persistent, netmask: 0xff00_ff00 },
      altered: true,
    },
    {
      what: "a netmask of few bits",
      settings: { ...persistent, netmask: 0xfe00_0000 },
      altered: false,
    },
    { what: "a netmask of no bits", settings: { ...persistent, netmask: 0 }, altered: false },
    {
      what: "time and mask without persistence",
      settings: { ...plain, timeoutSeconds: 9, netmask: 0xff },
      altered: false,
    },
  ];
  for (const { what, settings, altered } of cases) {
    test(`${what} is ${altered ? "" : "not "}altered`, () => {
      expect(observe(settings).altered).toBe(altered);
    });
  }

  test("a netmask comes back as bits, all bits as none", () => {
    const bits = (netmask: number) => observe({ ...persistent, netmask }).persistence?.prefixLength;
    expect([0xffff_ff00, 0x8000_0000, 0, 0xffff_ffff].map(bits)).toEqual([24, 1, 0, null]);
    const persistence = (netmask: number) => observe({ ...persistent, netmask }, v6).persistence;
    expect(persistence(64)?.prefixLength).toBe(64);
    expect(persistence(128)?.prefixLength).toBeNull();
  });

  const destination: IpvsDestination = {
    key: { address: Uint8Array.of(10, 1, 0, 1), port: 80 },
    settings: {
      forwarding: 2,
      weight: 1,
      upperThreshold: 0,
      lowerThreshold: 0,
      tunnel: { type: 0, port: 0, flags: 0 },
    },
    activeConnections: 1,
    inactiveConnections: 2,
    persistentConnections: 3,
    statistics: { ...NO_TRAFFIC, connections: 4 },
  };
  const of = (settings: Partial<IpvsDestination["settings"]>) =>
    observedServer({ ...destination, settings: { ...destination.settings, ...settings } });

  test("a method troop never uses has its name, and a number without one is a bypass", () => {
    expect([1, 4, 7].map((forwarding) => of({ forwarding }).forwarding)).toEqual([
      "local",
      "bypass",
      "bypass",
    ]);
  });

  test("an unknown tunnel is null; leftovers the kernel never looks at are left out", () => {
    expect(of({ tunnel: { type: 9, port: 0, flags: 0 } }).tunnel).toBeNull();
    expect(of({ tunnel: { type: 1, port: 6_080, flags: 3 } }).tunnel).toBeNull();
    expect(of({ tunnel: { type: 0, port: 9, flags: 1 } }).tunnel).toEqual({
      kind: "ipip",
      port: 0,
      checksum: "none",
    });
    expect(of({ tunnel: { type: 2, port: 9, flags: 1 } }).tunnel).toEqual({
      kind: "gre",
      port: 0,
      checksum: "csum",
    });
    expect(of({ forwarding: 3, tunnel: { type: 1, port: 9, flags: 1 } }).tunnel).toBeNull();
  });

  test("counters are the kernel's", () => {
    expect(observedServer(destination).counters).toEqual({
      ...NO_COUNTERS,
      activeConnections: 1,
      inactiveConnections: 2,
      persistentConnections: 3,
      connections: 4,
    });
    expect(formatEndpoint(observedServer(destination))).toBe("10.1.0.1:80");
  });
});
