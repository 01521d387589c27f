/** The Addresses port over a namespace in a map. */
import { expect, test } from "bun:test";
import {
  IFA_F_NODAD,
  type InterfaceAddress,
  KernelRequestError,
  type Link,
  type Route,
} from "../../../ffi/mod.ts";
import { createKernelAddresses } from "../../../src/shell/kernel/kernel_addresses.ts";

const eth0: Link = {
  name: "eth0",
  index: 2,
  up: true,
  carrier: true,
  noNeighbours: false,
  mac: Uint8Array.of(2, 0, 0, 0, 0, 1),
};

/** Holds addresses like a kernel: one per address and interface. */
function createFakeRoute(links: Link[]): Route & { rows: Map<string, InterfaceAddress> } {
  const rows = new Map<string, InterfaceAddress>();
  const keyOf = ({ address, index }: Pick<InterfaceAddress, "address" | "index">) =>
    `${address.join(".")} ${index}`;
  return {
    rows,
    addresses: () => [...rows.values()],
    links: () => links,
    link: (name) => links.find((link) => link.name === name),
    putAddress(address, operation) {
      if (links.every(({ index }) => index !== address.index)) {
        throw new KernelRequestError({ operation, code: "ENODEV" });
      }
      rows.set(keyOf(address), address);
    },
    deleteAddress(address, operation) {
      if (rows.delete(keyOf(address))) return;
      throw new KernelRequestError({ operation, code: "EADDRNOTAVAIL" });
    },
    gateway: () => undefined,
    close: () => undefined,
  };
}

const vip4 = { address: "192.0.2.10", prefixLength: 32, interface: "eth0", validSeconds: 2 };
const vip6 = { address: "2001:db8::10", prefixLength: 128, interface: "eth0", validSeconds: 2 };

test("put and listAddresses agree, and remove takes away; missing is done", () => {
  const addresses = createKernelAddresses(createFakeRoute([eth0]));
  addresses.put(vip4);
  addresses.put(vip6);
  expect(addresses.listAddresses()).toEqual([vip4, vip6]);
  addresses.remove(vip4);
  addresses.remove(vip4);
  expect(addresses.listAddresses()).toEqual([vip6]);
});

test("put renews: the same address has the new lifetime", () => {
  const addresses = createKernelAddresses(createFakeRoute([eth0]));
  addresses.put(vip4);
  addresses.put({ ...vip4, validSeconds: null });
  expect(addresses.listAddresses()).toEqual([{ ...vip4, validSeconds: null }]);
});

test("put prefers an IPv4 VIP as long as it is valid, an IPv6 VIP never, and that without detection", () => {
  const route = createFakeRoute([eth0]);
  const addresses = createKernelAddresses(route);
  addresses.put(vip4);
  addresses.put(vip6);
  const [first, second] = [...route.rows.values()];
  expect(first).toMatchObject({ validSeconds: 2, preferredSeconds: 2, flags: 0 });
  expect(second).toMatchObject({ validSeconds: 2, preferredSeconds: 0, flags: IFA_F_NODAD });
});

test("put gives an IPv4 address its label, and listAddresses tells only one that was chosen", () => {
  const route = createFakeRoute([eth0]);
  const addresses = createKernelAddresses(route);
  const labelled = { ...vip4, label: "eth0:1" };
  addresses.put(labelled);
  addresses.put({ ...vip6, label: "eth0:1" });
  addresses.put({ ...vip4, address: "192.0.2.11", label: null });
  const rows = [...route.rows.values()];
  expect(rows.map(({ label }) => label)).toEqual(["eth0:1", undefined, undefined]);
  // The kernel labels every other IPv4 address with the interface's name.
  route.rows.set("192.0.2.11", { ...rows[2]!, label: "eth0" });
  expect(addresses.listAddresses().map(({ label }) => label)).toEqual([
    "eth0:1",
    undefined,
    undefined,
    undefined,
  ]);
  expect(addresses.listAddresses()[0]).toEqual(labelled);
});

test("put names the interface that is not there; remove from it is done", () => {
  const addresses = createKernelAddresses(createFakeRoute([]));
  expect(() => addresses.put(vip4)).toThrow(
    "add address 192.0.2.10/32 to eth0: ENODEV (no such interface)",
  );
  expect(() => addresses.remove(vip4)).not.toThrow();
});

test("remove passes on other errors", () => {
  const route = createFakeRoute([eth0]);
  const denied = (_: unknown, operation: string) => {
    throw new KernelRequestError({ operation, code: "EPERM" });
  };
  const addresses = createKernelAddresses({ ...route, deleteAddress: denied });
  expect(() => addresses.remove(vip4)).toThrow(
    "remove address 192.0.2.10/32 from eth0: EPERM (needs CAP_NET_ADMIN and CAP_NET_RAW)",
  );
});

test("listAddresses leaves out addresses of an interface that has just gone", () => {
  const links = [eth0];
  const addresses = createKernelAddresses(createFakeRoute(links));
  addresses.put(vip4);
  links.pop();
  expect(addresses.listAddresses()).toEqual([]);
});

test("listLinks writes link-layer addresses in colons, and nothing where there is none", () => {
  const tunnel = { ...eth0, name: "tun0", index: 3, mac: new Uint8Array(0) };
  const addresses = createKernelAddresses(createFakeRoute([eth0, tunnel]));
  expect(addresses.listLinks().map(({ name, mac }) => `${name} ${mac}`)).toEqual([
    "eth0 02:00:00:00:00:01",
    "tun0 ",
  ]);
});
