/** Addresses and links against the real kernel: lifetimes, silence about IPv6 duplicates, interfaces that come and go. */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { INTERFACE_NAME_BYTES_MAX, openRoute, type Route } from "../../ffi/mod.ts";
import { ipFromBytes, ipToBytes } from "../../src/core/address.ts";
import type { Addresses } from "../../src/ports.ts";
import { readInterfaces } from "../../src/shell/kernel/interface_list.ts";
import { createKernelAddresses } from "../../src/shell/kernel/kernel_addresses.ts";
import { GUEST_TIMEOUT_MS, guestLibraries, INSIDE_MAC, layWire, run, until } from "./guest.ts";

setDefaultTimeout(GUEST_TIMEOUT_MS);

let route: Route;
let addresses: Addresses;
beforeAll(async () => {
  route = openRoute(await guestLibraries());
  addresses = createKernelAddresses(route);
});
afterAll(() => route.close());

const families = [
  { what: "IPv4", vip: "192.0.2.10", prefixLength: 32 },
  { what: "IPv6", vip: "2001:db8::10", prefixLength: 128 },
];

function find(address: string, name: string) {
  return addresses.listAddresses().find((row) => row.address === address && row.interface === name);
}

for (const { what, vip, prefixLength } of families) {
  test(`put gives an ${what} address for ever, and remove takes it away; doing either twice is fine`, () => {
    using wire = layWire("addr");
    const address = { address: vip, prefixLength, interface: wire.inside, validSeconds: null };
    addresses.put(address);
    addresses.put(address);
    expect(find(vip, wire.inside)).toEqual(address);
    expect(run(`ip addr show dev ${wire.inside}`)).toContain(`${vip}/${prefixLength}`);
    addresses.remove(address);
    addresses.remove(address);
    expect(find(vip, wire.inside)).toBeUndefined();
  });

  test(`put with a lifetime: the kernel removes an ${what} address nobody renews and keeps one that is renewed`, async () => {
    using wire = layWire("addr");
    const renewed = { address: vip, prefixLength, interface: wire.inside, validSeconds: 2 };
    const forgotten = { ...renewed, address: what === "IPv4" ? "192.0.2.11" : "2001:db8::11" };
    addresses.put(renewed);
    addresses.put(forgotten);
    expect(find(forgotten.address, wire.inside)?.validSeconds).toBeLessThanOrEqual(2);
    await until("the address nobody renews is gone", () => {
      addresses.put(renewed);
      return find(forgotten.address, wire.inside) === undefined ? true : undefined;
    });
    expect(find(vip, wire.inside)).toBeDefined();
    await until(
      "the other, no longer renewed, is gone too",
      () => find(vip, wire.inside) === undefined ? true : undefined,
    );
  });

  test(`put turns an ${what} address with a lifetime into one for ever, and back`, () => {
    using wire = layWire("addr");
    const address = { address: vip, prefixLength, interface: wire.inside };
    addresses.put({ ...address, validSeconds: 30 });
    addresses.put({ ...address, validSeconds: null });
    expect(find(vip, wire.inside)?.validSeconds).toBeNull();
    addresses.put({ ...address, validSeconds: 30 });
    expect(find(vip, wire.inside)?.validSeconds).toBeGreaterThan(20);
  });

  test(`put leaves the same ${what} address on lo alone`, () => {
    using wire = layWire("addr");
    const onLo = { address: vip, prefixLength, interface: "lo", validSeconds: null };
    const onWire = { address: vip, prefixLength, interface: wire.inside, validSeconds: 30 };
    addresses.put(onLo);
    addresses.put(onWire);
    expect([find(vip, "lo"), find(vip, wire.inside)?.address]).toEqual([onLo, vip]);
    addresses.remove(onWire);
    expect([find(vip, "lo"), find(vip, wire.inside)]).toEqual([onLo, undefined]);
    addresses.remove(onLo);
  });
}

test("put labels an IPv4 address, and a label stays what it was first", () => {
  using wire = layWire("addr");
  const address = { address: "192.0.2.10", prefixLength: 32, interface: wire.inside };
  const labelled = { ...address, validSeconds: null, label: `${wire.inside}:1` };
  addresses.put(labelled);
  expect(find("192.0.2.10", wire.inside)).toEqual(labelled);
  expect(run(`ip -o addr show dev ${wire.inside} label ${wire.inside}:1`)).toContain(
    "192.0.2.10/32",
  );
  // The kernel renews the lifetime only: another label needs the address removed.
  addresses.put({ ...labelled, label: `${wire.inside}:2`, validSeconds: 30 });
  expect(find("192.0.2.10", wire.inside)?.label).toBe(`${wire.inside}:1`);
  expect(find("192.0.2.10", wire.inside)?.validSeconds).toBeGreaterThan(20);
  addresses.remove(labelled);
  addresses.put({ ...labelled, label: `${wire.inside}:2` });
  expect(find("192.0.2.10", wire.inside)?.label).toBe(`${wire.inside}:2`);
});

test("put makes an IPv6 address usable at once: not tentative, and deprecated as a sender", () => {
  using wire = layWire("addr");
  const address = { address: "2001:db8::10", prefixLength: 128, interface: wire.inside };
  addresses.put({ ...address, validSeconds: 30 });
  const shown = run(`ip -6 addr show dev ${wire.inside} to 2001:db8::10`);
  expect(shown).toContain("nodad");
  expect(shown).toContain("deprecated");
  expect(shown).not.toContain("tentative");
});

test("put to an interface that is not there says which, and remove from it is done", () => {
  const address = { address: "192.0.2.10", prefixLength: 32, interface: "nosuch0" };
  expect(() => addresses.put({ ...address, validSeconds: null })).toThrow(
    "add address 192.0.2.10/32 to nosuch0: ENODEV (no such interface)",
  );
  expect(() => addresses.remove(address)).not.toThrow();
});

test("putAddress gives an IPv4 address a label, which renewing does not change, and IPv6 has none", () => {
  using wire = layWire("addr");
  const index = route.link(wire.inside)?.index ?? 0;
  const label = `${wire.inside}:vip1`;
  const lasting = { prefixLength: 32, index, validSeconds: 30, preferredSeconds: 30, flags: 0 };
  const labelled = { ...lasting, address: ipToBytes("192.0.2.10"), label };
  const plain = { ...lasting, address: ipToBytes("192.0.2.11") };
  const six = { ...plain, address: ipToBytes("2001:db8::10"), prefixLength: 128, label };
  for (const address of [labelled, plain, six]) route.putAddress(address, "add address");
  const labels = () =>
    Object.fromEntries(
      route.addresses().filter((row) => row.index === index)
        .map((row) => [ipFromBytes(row.address), row.label]),
    );
  const expected = { "192.0.2.10": label, "192.0.2.11": wire.inside, "2001:db8::10": undefined };
  expect(labels()).toMatchObject(expected);
  expect(run(`ip -o addr show label ${label}`)).toContain("192.0.2.10/32");
  route.putAddress(
    { ...labelled, label: `${wire.inside}:vip2`, validSeconds: 60 },
    "renew address",
  );
  expect(labels()).toMatchObject(expected);
  const long = "x".repeat(INTERFACE_NAME_BYTES_MAX);
  const another = { ...plain, address: ipToBytes("192.0.2.12") };
  expect(() => route.putAddress({ ...another, label: `${long}x` }, "add address")).toThrow(
    "add address: ERANGE",
  );
  route.putAddress({ ...another, label: long }, "add address");
  expect(labels()["192.0.2.12"]).toBe(long);
});

test("put follows an interface that was made anew under its name", () => {
  using wire = layWire("addr");
  const address = { address: "192.0.2.10", prefixLength: 32, interface: wire.inside };
  const index = addresses.listLinks().find(({ name }) => name === wire.inside)?.index;
  addresses.put({ ...address, validSeconds: null });
  wire.renew();
  expect(addresses.listLinks().find(({ name }) => name === wire.inside)?.index).not.toBe(index);
  expect(find("192.0.2.10", wire.inside)).toBeUndefined();
  addresses.put({ ...address, validSeconds: null });
  expect(find("192.0.2.10", wire.inside)).toBeDefined();
});

test("listLinks tells up, carrier and link-layer address", () => {
  using wire = layWire("addr");
  const link = () => addresses.listLinks().find(({ name }) => name === wire.inside);
  expect(link()).toMatchObject({ up: true, carrier: true, mac: INSIDE_MAC });
  wire.there(`ip link set ${wire.outside} down`);
  expect(link()).toMatchObject({ up: true, carrier: false });
  run(`ip link set ${wire.inside} down`);
  expect(link()).toMatchObject({ up: false, carrier: false });
});

test("interfaces that do not run yet, or are down, are listed with their addresses", async () => {
  using wire = layWire("addr");
  run(`ip addr add 192.0.2.10/24 dev ${wire.inside}`);
  wire.there(`ip link set ${wire.outside} down`);
  const listed = async () =>
    readInterfaces(await guestLibraries())[wire.inside]?.map(({ address }) => address);
  expect(await listed()).toContain("192.0.2.10");
  run(`ip link set ${wire.inside} down`);
  expect(await listed()).toEqual(["192.0.2.10"]);
});

test("gateway names the way out by an interface, and says null where there is none", () => {
  using wire = layWire("addr");
  const { inside } = wire;
  run(`ip addr add 198.51.100.1/24 dev ${inside} && ip link set ${inside} up`);
  run(`ip -6 addr add 2001:db8:6::1/64 dev ${inside} nodad`);
  expect([4, 6].map((family) => addresses.gateway(inside, family as 4 | 6))).toEqual([null, null]);
  run(`ip route add default via 198.51.100.254 dev ${inside}`);
  run(`ip -6 route add default via 2001:db8:6::fe dev ${inside}`);
  expect(addresses.gateway(inside, 4)).toBe("198.51.100.254");
  expect(addresses.gateway(inside, 6)).toBe("2001:db8:6::fe");
  expect(addresses.gateway("lo", 4)).toBeNull();
  expect(addresses.gateway("nowhere", 4)).toBeNull();
});
