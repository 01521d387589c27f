/**
 * Tunnel devices and GUE ports with real packets: IPVS sends through every kind of tunnel it has to a receiver in a
 * namespace of its own that has never heard of the sender. Once where modules bring fallback devices into the
 * receiver's namespace, as they do by default, and once where they do not.
 */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { type Fou, type Libraries, openFou, openTunnelLinks } from "../../ffi/mod.ts";
import { createModules } from "../../src/shell/kernel/modules.ts";
import { openTunnelDevices } from "../../src/shell/kernel/tunnel_devices.ts";
import { formatEndpoint } from "../../src/core/address.ts";
import type { TunnelDevice } from "../../src/core/desired/receiving.ts";
import {
  GUEST_TIMEOUT_MS,
  guestLibraries,
  layWire,
  run,
  tryRun,
  until,
  type Wire,
} from "./guest.ts";
import { RECEIVER_PORT, type ReceiverCommand, type ReceiverLine } from "./tunnel_receiver.ts";

setDefaultTimeout(GUEST_TIMEOUT_MS);

const vips = { 4: "192.0.2.77", 6: "2001:db8:77::1" } as const;
const near = { 4: "10.8.0.1", 6: "2001:db8:8::1" } as const;
const far = { 4: "10.8.0.2", 6: "2001:db8:8::2" } as const;
const GUE_PORT = 6080;
const FALLBACK_SWITCH = "/proc/sys/net/core/fb_tunnels_only_for_init_net";

let libraries: Libraries;
beforeAll(async () => {
  libraries = await guestLibraries();
  // This module has no alias by which the kernel would load it when it is asked for.
  run("modprobe ip_vs; modprobe fou");
});

/** A tunnel, as `ipvsadm` says it and as the receiver must be prepared for it. */
interface Case {
  readonly device: TunnelDevice;
  readonly type: "ipip" | "gre" | "gue";
  readonly outer: 4 | 6;
  readonly inner: 4 | 6;
}

const cases: Case[] = [
  { device: "tunl0", type: "ipip", outer: 4, inner: 4 },
  { device: "sit0", type: "ipip", outer: 4, inner: 6 },
  { device: "ip6tnl0", type: "ipip", outer: 6, inner: 4 },
  { device: "ip6tnl0", type: "ipip", outer: 6, inner: 6 },
  { device: "gre0", type: "gre", outer: 4, inner: 4 },
  { device: "gre0", type: "gre", outer: 4, inner: 6 },
  { device: "ip6gre0", type: "gre", outer: 6, inner: 4 },
  { device: "ip6gre0", type: "gre", outer: 6, inner: 6 },
  { device: "tunl0", type: "gue", outer: 4, inner: 4 },
  { device: "sit0", type: "gue", outer: 4, inner: 6 },
  { device: "ip6tnl0", type: "gue", outer: 6, inner: 4 },
  { device: "ip6tnl0", type: "gue", outer: 6, inner: 6 },
];

/** Both ends of a wire, with a receiver at the far one. */
interface Site extends AsyncDisposable {
  readonly wire: Wire;
  readonly order: (command: ReceiverCommand) => Promise<ReceiverLine>;
  readonly received: () => string[];
  readonly send: (text: string, family: 4 | 6) => void;
}

async function buildSite(name: string): Promise<Site> {
  const wire = layWire(name);
  const { inside, outside } = wire;
  run(`ip addr add ${near[4]}/24 dev ${inside}; ip addr add ${near[6]}/64 dev ${inside} nodad`);
  wire.there(`sh -c 'ip link set lo up
    ip addr add ${far[4]}/24 dev ${outside}; ip addr add ${far[6]}/64 dev ${outside} nodad
    ip addr add ${vips[4]}/32 dev lo; ip addr add ${vips[6]}/128 dev lo'`);
  const script = `${import.meta.dir}/tunnel_receiver.ts`;
  const receiver = Bun.spawn(
    ["ip", "netns", "exec", `troop-${name}`, process.execPath, script, vips[4], vips[6]],
    { stdin: "pipe", stdout: "pipe", stderr: "inherit" },
  );
  const lines: ReceiverLine[] = [];
  void collect(receiver.stdout, lines);
  const answers = () => lines.filter((line) => !("received" in line));
  await until("the receiver is ready", () => answers().length > 0 || undefined);
  run(`ip route add ${vips[4]} via ${far[4]}; ip route add ${vips[6]} via ${far[6]}`);
  // A receiver that is not prepared says so by ICMP.
  const error = () => undefined;
  const senders = {
    4: await Bun.udpSocket({ hostname: near[4], socket: { error } }),
    6: await Bun.udpSocket({ hostname: near[6], socket: { error } }),
  };
  return {
    wire,
    async order(command) {
      const before = answers().length;
      receiver.stdin.write(`${JSON.stringify(command)}\n`);
      receiver.stdin.flush();
      return await until("the receiver has obeyed", () => answers()[before]);
    },
    received: () => lines.flatMap((line) => "received" in line ? [line.received] : []),
    send: (text, family) => void senders[family].send(text, RECEIVER_PORT, vips[family]),
    async [Symbol.asyncDispose]() {
      receiver.stdin.end();
      await receiver.exited;
      senders[4].close();
      senders[6].close();
      tryRun("ipvsadm -C");
      wire[Symbol.dispose]();
    },
  };
}

async function collect(stream: ReadableStream<Uint8Array>, lines: ReceiverLine[]): Promise<void> {
  let rest = "";
  for await (const chunk of stream) {
    const parts = (rest + new TextDecoder().decode(chunk)).split("\n");
    rest = parts.pop() ?? "";
    lines.push(...parts.map((part) => JSON.parse(part) as ReceiverLine));
  }
}

/** Time after which a datagram has come to its end, ms: a question for a neighbour takes one. */
const ON_ITS_WAY_MS = 100;

/** Sends until it arrives: what is sent before neighbours know each other may be lost. */
async function deliver(site: Site, text: string, family: 4 | 6): Promise<void> {
  await until(`"${text}" arrives`, () => {
    site.send(text, family);
    return site.received().includes(text) || undefined;
  });
}

/** Leads the VIP through the tunnel, each datagram by itself. */
function balance({ type, inner, outer }: Case): void {
  const service = `-u ${formatEndpoint({ address: vips[inner], port: RECEIVER_PORT })}`;
  const server = formatEndpoint({ address: far[outer], port: RECEIVER_PORT });
  const port = type === "gue" ? ` --tun-port ${GUE_PORT}` : "";
  run(`ipvsadm -C; ipvsadm -A ${service} -s rr -o
    ipvsadm -a ${service} -r ${server} -i --tun-type ${type}${port}`);
}

/** Sets the switch where there is one, and returns what it was. */
function setFallbacks(value: string): string {
  if (!existsSync(FALLBACK_SWITCH)) return value;
  const before = readFileSync(FALLBACK_SWITCH, "utf8").trim();
  writeFileSync(FALLBACK_SWITCH, value);
  return before;
}

function nameOf({ device, type, outer, inner }: Case): string {
  return `${device}: IPv${inner} in ${type === "gue" ? "GUE in " : ""}IPv${outer}`;
}

// A namespace of its own on a host does not have the switch: it is the whole machine's.
for (const fallbacks of existsSync(FALLBACK_SWITCH) ? [true, false] : [true]) {
  describe(fallbacks ? "with fallback devices" : "without fallback devices", () => {
    let site: Site;
    const switched = fallbacks ? "0" : "1";
    let before: string;
    beforeAll(async () => {
      before = setFallbacks(switched);
      site = await buildSite("tun");
    });
    afterAll(async () => {
      await site[Symbol.asyncDispose]();
      setFallbacks(before);
    });

    for (const [number, one] of cases.entries()) {
      test(`${nameOf(one)} arrives once it is asked for, and no more after restore`, async () => {
        const { device, inner, outer } = one;
        await deliver(site, `${number} hello`, inner);
        balance(one);
        site.send(`${number} early`, inner);
        // It is on its way for a moment, also to a neighbour that has to be found first.
        await Bun.sleep(ON_ITS_WAY_MS);
        if (one.type === "gue") {
          expect(await site.order({ listen: GUE_PORT, family: outer })).toEqual({ done: null });
        }
        expect(await site.order({ ensure: device })).toEqual({ done: true });
        await deliver(site, `${number} tunnelled`, inner);
        expect(await site.order({ ensure: device })).toEqual({ done: false });
        expect(await site.order({ restore: true })).toEqual({ done: null });
        site.send(`${number} late`, inner);
        run("ipvsadm -C");
        await deliver(site, `${number} end`, inner);
        const texts = new Set(site.received().filter((text) => text.startsWith(`${number} `)));
        expect([...texts]).toEqual(
          ["hello", "tunnelled", "end"].map((text) => `${number} ${text}`),
        );
      });
    }

    test("restore leaves the namespace as it was", async () => {
      const links = () =>
        site.wire.there("ip -o -d link show").replaceAll(/ qdisc \S+| state \S+/g, "");
      const before = links();
      for (const { device, outer } of cases) {
        await site.order({ ensure: device });
        await site.order({ listen: GUE_PORT, family: outer });
      }
      expect(site.wire.there("ip fou show").trim().split("\n")).toHaveLength(2);
      expect(links()).not.toBe(before);
      await site.order({ restore: true });
      expect(links()).toBe(before);
      expect(site.wire.there("ip fou show").trim()).toBe("");
    });
  });
}

describe("tunnel devices", () => {
  test("create of a kind the kernel does not know is EOPNOTSUPP", () => {
    const links = openTunnelLinks(libraries);
    expect(() => links.create({ name: "x0", kind: "nosuch" as "ipip" })).toThrow("EOPNOTSUPP");
    expect(links.find("x0")).toBeUndefined();
    links.close();
  });

  test("delete keeps a fallback device and says nothing of it", () => {
    const links = openTunnelLinks(libraries);
    links.create({ name: "tunl0", kind: "ipip" });
    const fallback = links.find("tunl0");
    expect(fallback).toMatchObject({ kind: "ipip", up: false });
    links.delete(fallback!.index, "remove tunl0");
    expect(links.find("tunl0")).toEqual(fallback);
    links.close();
  });
});

describe("GUE ports", () => {
  let fou: Fou;
  beforeAll(() => {
    fou = openFou(libraries);
  });
  afterAll(() => fou.close());

  test("addGue, ports and delete agree with ip fou, for both families", () => {
    const four = { port: GUE_PORT, version: 4 } as const;
    const six = { port: GUE_PORT, version: 6 } as const;
    fou.addGue(four);
    fou.addGue(six);
    expect(() => fou.addGue(four)).toThrow(`open GUE port ${GUE_PORT} (IPv4): EADDRINUSE`);
    const shown = () => run("ip fou show").trim().split("\n").map((line) => line.trim()).toSorted();
    expect(shown()).toEqual([`port ${GUE_PORT} gue`, `port ${GUE_PORT} gue -6`]);
    const row = { port: GUE_PORT, encapsulation: "gue", protocol: 0 } as const;
    expect(fou.ports().toSorted((a, b) => a.version - b.version)).toEqual([
      { ...row, version: 4, local: new Uint8Array(4) },
      { ...row, version: 6, local: new Uint8Array(16) },
    ]);
    fou.delete(four);
    expect(shown()).toEqual([`port ${GUE_PORT} gue -6`]);
    fou.delete(six);
    expect(fou.ports()).toEqual([]);
    expect(() => fou.delete(six)).toThrow("EINVAL");
  });

  test("a module that went is loaded by the first listen, and then found again", async () => {
    // Not on a machine where somebody may need the module.
    if (process.env["TROOP_LAB"] !== "uml") return;
    expect(fou.ports()).toEqual([]);
    run("rmmod fou");
    expect(() => fou.ports()).toThrow("ENOENT");
    expect(() => fou.ports()).toThrow("kernel has no FOU: load it with `modprobe fou`");
    const devices = openTunnelDevices(libraries, createModules());
    expect(() => devices.listen(GUE_PORT, 4)).toThrow("ENOENT");
    await until("the module has come", () => {
      try {
        devices.listen(GUE_PORT, 4);
        return true;
      } catch {
        return undefined;
      }
    });
    expect(fou.ports()).toMatchObject([{ port: GUE_PORT, version: 4 }]);
    devices.restore();
    devices.close();
    expect(fou.ports()).toEqual([]);
  });
});
