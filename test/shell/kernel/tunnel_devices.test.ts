/** Tunnel devices over a namespace in maps. With real packets: test/kernel/tunnels.test.ts. */
import { describe, expect, test } from "bun:test";
import { type TunnelDevice, tunnelDevices } from "../../../src/core/desired/receiving.ts";
import { createTunnelDevices, LOAD_RETRY_MS } from "../../../src/shell/kernel/tunnel_devices.ts";
import { createFakeTunnels, type FakeTunnels } from "./fake_tunnels.ts";

const names: readonly TunnelDevice[] = tunnelDevices;

/** What is there, as `tunl0 up`, and the GUE ports. */
function shown({ devices, guePorts }: FakeTunnels): string[] {
  return [
    ...[...devices].map(([name, { up, protocol }]) =>
      `${name} ${up ? "up" : "down"}${protocol ? ` only ${protocol}` : ""}`
    ),
    ...guePorts.map(({ port, version }) => `gue ${port} IPv${version}`),
  ];
}

describe("ensure", () => {
  for (const fallbacks of [true, false]) {
    for (const name of names) {
      test(`has ${name} up, for any protocol, where modules bring ${fallbacks ? "" : "no "}fallback devices`, () => {
        const kernel = createFakeTunnels({ fallbacks });
        const devices = createTunnelDevices(kernel);
        expect(devices.ensure(name)).toBe(true);
        expect(shown(kernel)).toEqual([`${name} up`]);
      });
    }
  }

  test("asks for nothing when all is well", () => {
    const kernel = createFakeTunnels({ fallbacks: true });
    const devices = createTunnelDevices(kernel);
    for (const name of names) devices.ensure(name);
    kernel.writes = 0;
    for (const name of names) expect(devices.ensure(name)).toBe(false);
    expect(kernel.writes).toBe(0);
  });

  test("sets up again what somebody set down or removed", () => {
    const kernel = createFakeTunnels({ fallbacks: false });
    const devices = createTunnelDevices(kernel);
    devices.ensure("tunl0");
    kernel.devices.get("tunl0")!.up = false;
    expect(devices.ensure("tunl0")).toBe(true);
    kernel.devices.delete("tunl0");
    expect(devices.ensure("tunl0")).toBe(true);
    expect(shown(kernel)).toEqual(["tunl0 up"]);
  });

  test("leaves an interface of another kind alone and says what it is", () => {
    const kernel = createFakeTunnels({ fallbacks: false });
    kernel.add("tunl0", { kind: "dummy" });
    expect(() => createTunnelDevices(kernel).ensure("tunl0")).toThrow(
      'make tunnel device tunl0: EEXIST (an interface of kind "dummy" has this name)',
    );
    expect(shown(kernel)).toEqual(["tunl0 down"]);
  });

  test("does not have the kernel look for a missing module at every call, but again after a while", () => {
    const kernel = createFakeTunnels({ fallbacks: true });
    kernel.available.delete("gre");
    const devices = createTunnelDevices(kernel);
    for (let call = 0; call < 5; call++) {
      expect(() => devices.ensure("gre0")).toThrow(
        'make tunnel device gre0: EOPNOTSUPP (kernel has no module for tunnels of kind "gre")',
      );
    }
    expect(kernel.searches).toBe(1);
    expect(devices.ensure("tunl0")).toBe(true);
    kernel.available.add("gre");
    kernel.nowMs += LOAD_RETRY_MS;
    expect(devices.ensure("gre0")).toBe(true);
  });
});

describe("listen", () => {
  test("opens a port of each family once", () => {
    const kernel = createFakeTunnels({ fallbacks: true });
    const devices = createTunnelDevices(kernel);
    for (let call = 0; call < 3; call++) {
      devices.listen(6080, 4);
      devices.listen(6080, 6);
      devices.listen(6081, 4);
    }
    expect(shown(kernel)).toEqual(["gue 6080 IPv4", "gue 6080 IPv6", "gue 6081 IPv4"]);
    expect(kernel.writes).toBe(3);
  });

  test("does not take a port for FOU, or one of a single address, for its own", () => {
    const kernel = createFakeTunnels({ fallbacks: true });
    const row = { port: 6080, version: 4, encapsulation: "gue", protocol: 0 } as const;
    kernel.guePorts.push({ ...row, encapsulation: "fou", protocol: 4, local: new Uint8Array(4) });
    kernel.guePorts.push({ ...row, port: 6081, local: Uint8Array.of(127, 0, 0, 1) });
    const devices = createTunnelDevices(kernel);
    expect(() => devices.listen(6080, 4)).toThrow("EADDRINUSE");
    expect(() => devices.listen(6081, 4)).toThrow("EADDRINUSE");
    devices.restore();
    expect(kernel.guePorts).toHaveLength(2);
  });

  test("has a missing module loaded, and takes the port as soon as it has come", () => {
    const kernel = createFakeTunnels({ fallbacks: true });
    kernel.fouLoaded = false;
    const devices = createTunnelDevices(kernel);
    for (let call = 0; call < 3; call++) {
      expect(() => devices.listen(6080, 4)).toThrow("ENOENT");
    }
    expect(kernel.asked.map(({ name }) => name)).toEqual(["fou"]);
    kernel.fouLoaded = true;
    kernel.asked[0]!.loaded();
    devices.listen(6080, 4);
    expect(shown(kernel)).toEqual(["gue 6080 IPv4"]);
  });

  test("does not have the kernel look for a missing module at every call, but again after a while", () => {
    const kernel = createFakeTunnels({ fallbacks: true });
    kernel.fouLoaded = false;
    const devices = createTunnelDevices(kernel);
    for (let call = 0; call < 5; call++) {
      expect(() => devices.listen(6080, 4)).toThrow("ENOENT");
    }
    expect(kernel.searches).toBe(1);
    kernel.nowMs += LOAD_RETRY_MS;
    expect(() => devices.listen(6080, 4)).toThrow("ENOENT");
    expect(kernel.asked).toHaveLength(2);
    kernel.fouLoaded = true;
    kernel.nowMs += LOAD_RETRY_MS;
    devices.listen(6080, 4);
    expect(shown(kernel)).toEqual(["gue 6080 IPv4"]);
  });
});

describe("restore", () => {
  test("sets fallback devices down again, and ip6tnl0 to what it took before", () => {
    const kernel = createFakeTunnels({ fallbacks: true });
    const devices = createTunnelDevices(kernel);
    for (const name of names) devices.ensure(name);
    devices.listen(6080, 4);
    devices.listen(6080, 6);
    devices.restore();
    expect(shown(kernel)).toEqual([
      "tunl0 down",
      "sit0 down",
      "ip6tnl0 down only 41",
      "gre0 down",
      "ip6gre0 down",
    ]);
    kernel.writes = 0;
    devices.restore();
    expect(kernel.writes).toBe(0);
  });

  test("removes devices that it made", () => {
    const kernel = createFakeTunnels({ fallbacks: false });
    const devices = createTunnelDevices(kernel);
    for (const name of names) devices.ensure(name);
    devices.restore();
    expect(shown(kernel)).toEqual([]);
  });

  test("leaves what was there before as it was", () => {
    const kernel = createFakeTunnels({ fallbacks: true });
    kernel.add("tunl0", { kind: "ipip", up: true, fallback: true });
    kernel.add("ip6tnl0", { kind: "ip6tnl", up: true, protocol: 4, fallback: true });
    const local = new Uint8Array(4);
    kernel.guePorts.push({ port: 6080, version: 4, encapsulation: "gue", protocol: 0, local });
    const before = shown(kernel);
    const devices = createTunnelDevices(kernel);
    expect(devices.ensure("tunl0")).toBe(false);
    expect(devices.ensure("ip6tnl0")).toBe(true);
    devices.listen(6080, 4);
    devices.restore();
    expect(shown(kernel)).toEqual(before);
  });

  test("has nothing to do with a device that was made anew under the name", () => {
    const kernel = createFakeTunnels({ fallbacks: false });
    const devices = createTunnelDevices(kernel);
    devices.ensure("tunl0");
    kernel.add("tunl0", { kind: "ipip", up: true });
    devices.restore();
    expect(shown(kernel)).toEqual(["tunl0 up"]);
  });

  test("does all the rest when one thing fails, and then says what failed", () => {
    const kernel = createFakeTunnels({ fallbacks: true });
    const devices = createTunnelDevices(kernel);
    devices.listen(6080, 4);
    devices.ensure("sit0");
    kernel.fouLoaded = false;
    expect(() => devices.restore()).toThrow("ENOENT");
    expect(kernel.devices.get("sit0")?.up).toBe(false);
  });
});
