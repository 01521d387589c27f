/**
 * Mark rules in a kernel with IPVS: packets get their mark, and the virtual service of that mark takes
 * them. In User-Mode Linux, whose nf_tables knows no IP, that is by iptables-legacy.
 */
import {
  afterAll,
  afterEach,
  beforeAll,
  beforeEach,
  describe,
  expect,
  setDefaultTimeout,
  test,
} from "bun:test";
import type { MarkRule } from "../../src/core/service/mark_rules.ts";
import { createMarkRules } from "../../src/shell/kernel/mark_rules.ts";
import { GUEST_TIMEOUT_MS, layWire, run, tryRun, type Wire } from "./guest.ts";

setDefaultTimeout(GUEST_TIMEOUT_MS);

const MARK = 5;
const VIPS = { 4: "192.0.2.1", 6: "2001:db8::1" } as const;
const families = [4, 6] as const;
const uml = process.env["TROOP_LAB"] === "uml";
/** Listeners take what is balanced to this machine itself. */
const PORTS = [80, 81, 443];

const marks = createMarkRules();
let wire: Wire;
/** Entries of the connection table from before the test: they outlive their service. */
let earlier = new Set<string>();
let listeners: { stop(force: boolean): void }[] = [];

beforeAll(() => {
  tryRun("modprobe ip_vs");
  wire = layWire("marks");
  run(`ip address add 192.0.2.1/24 dev ${wire.inside}
    ip address add 2001:db8::1/64 dev ${wire.inside} nodad`);
  wire.there(`ip address add 192.0.2.9/24 dev ${wire.outside}`);
  wire.there(`ip address add 2001:db8::9/64 dev ${wire.outside} nodad`);
  listeners = PORTS.map((port) =>
    Bun.listen({ hostname: "::", port, socket: { open: (socket) => void socket.end(), data() {} } })
  );
});
beforeEach(() => {
  earlier = new Set(families.flatMap(entries));
  run(`ipvsadm -C
    ipvsadm -A -f ${MARK} -s rr
    ipvsadm -a -f ${MARK} -r 192.0.2.1:0 -g
    ipvsadm -A -f ${MARK} -6 -s rr
    ipvsadm -a -f ${MARK} -6 -r [2001:db8::1]:0 -g`);
});
afterEach(async () => {
  await marks.apply([]);
  tryRun("iptables-legacy -t mangle -F; ip6tables-legacy -t mangle -F; ipvsadm -C");
});
afterAll(() => {
  for (const listener of listeners) listener.stop(true);
  wire[Symbol.dispose]();
});

function ruleFor(family: 4 | 6, firstPort: number, lastPort = firstPort): MarkRule {
  return { family, address: VIPS[family], protocol: "tcp", firstPort, lastPort, mark: MARK };
}

/** Opens a connection from the other end of the wire: this kernel has answered when it is done. */
function connect(family: 4 | 6, port: number): void {
  wire.there(`timeout 5 bash -c 'exec 3<>/dev/tcp/${VIPS[family]}/${port}'`);
}

/** The same from this machine itself. */
function connectFromHere(family: 4 | 6, port: number): void {
  run(`timeout 5 bash -c 'exec 3<>/dev/tcp/${VIPS[family]}/${port}'`);
}

/** Entries of the connection table, by protocol, client, VIP and their ports (/proc/net/ip_vs_conn). */
function entries(family: 4 | 6): string[] {
  return run("cat /proc/net/ip_vs_conn").split("\n").slice(1).filter((line) => line !== "")
    .filter((line) => line.includes(":") === (family === 6))
    .map((line) => line.split(/ +/).slice(0, 5).join(" "));
}

/**
 * Connections the mark's service of a family has taken in this test. Not from the service's counters:
 * the kernel brings those up to date every two seconds only.
 */
function taken(family: 4 | 6): number {
  return entries(family).filter((entry) => !earlier.has(entry)).length;
}

/** Everything in both tables `mangle` but the counters. */
function mangle(): string {
  return run("iptables-legacy-save -t mangle; ip6tables-legacy-save -t mangle")
    .split("\n").filter((line) => !line.startsWith("#"))
    .map((line) => line.replace(/ \[.*/, "")).join("\n");
}

test("the tool is found by trying it, which leaves nothing", async () => {
  const before = mangle();
  const backend = await createMarkRules().backend();
  if (uml) expect(backend).toEqual({ tool: "iptables-legacy" });
  expect(backend).toHaveProperty("tool");
  expect(mangle()).toBe(before);
});

describe.each(families)("IPv%i", (family) => {
  test("a connection to a marked port is taken by the mark's service, to another port not", async () => {
    await marks.apply([ruleFor(family, 80, 81)]);
    connect(family, 80);
    connect(family, 81);
    expect(taken(family)).toBe(2);
    connect(family, 443);
    expect(taken(family)).toBe(2);
    await marks.apply([ruleFor(family, 443)]);
    connect(family, 80);
    expect(taken(family)).toBe(2);
    connect(family, 443);
    expect(taken(family)).toBe(3);
    await marks.apply([]);
    connect(family, 443);
    expect(taken(family)).toBe(3);
  });

  test("what this machine sends to its own VIP is taken too: it comes in by the loopback", async () => {
    await marks.apply([ruleFor(family, 80)]);
    connectFromHere(family, 80);
    expect(taken(family)).toBe(1);
    connectFromHere(family, 443);
    expect(taken(family)).toBe(1);
  });

  test("a mark that somebody else gives stays on what matches no rule", async () => {
    const iptables = family === 4 ? "iptables-legacy" : "ip6tables-legacy";
    // The foreign rule marks for the service, troop's rule takes that away by another mark.
    run(`${iptables} -t mangle -A PREROUTING -p tcp --dport 80:443 -j MARK --set-mark ${MARK}`);
    await marks.apply([{ ...ruleFor(family, 80), mark: MARK + 1 }]);
    connect(family, 443);
    expect(taken(family)).toBe(1);
    connect(family, 80);
    expect(taken(family)).toBe(1);
    await marks.apply([]);
    expect(run(`${iptables} -t mangle -S PREROUTING`)).toContain("--set-xmark 0x5/");
  });
});

test("both families at once; what somebody flushes is noticed and comes back", async () => {
  await marks.apply(families.map((family) => ruleFor(family, 80)));
  for (const family of families) {
    expect(await marks.intact()).toBe(true);
    connect(family, 80);
    expect(taken(family)).toBe(1);
  }
  tryRun("nft delete table inet troop");
  run("ip6tables-legacy -t mangle -F PREROUTING");
  expect(await marks.intact()).toBe(false);
  connect(4, 80);
  connect(6, 80);
  expect(taken(6)).toBe(1);
  await marks.apply(families.map((family) => ruleFor(family, 80)));
  expect(await marks.intact()).toBe(true);
  connect(6, 80);
  expect(taken(6)).toBe(2);
});

test("every protocol can be marked", async () => {
  const rules = families.flatMap((family) =>
    (["tcp", "udp", "sctp"] as const).map((protocol) => ({
      ...ruleFor(family, 0, 65_535),
      protocol,
    }))
  );
  await marks.apply(rules);
  expect(await marks.intact()).toBe(true);
});

test("rules that another process left are removed without a need for them", async () => {
  await createMarkRules().apply(families.map((family) => ruleFor(family, 80)));
  const before = mangle();
  await marks.apply([]);
  if (uml) expect(before).toContain("TROOP");
  expect(mangle()).not.toContain("TROOP");
  connect(4, 80);
  expect(taken(4)).toBe(0);
});

test("another rule of somebody that uses the chain keeps it from being removed, not from being emptied", async () => {
  if (!uml) return;
  await marks.apply([ruleFor(4, 80)]);
  run("iptables-legacy -t mangle -A OUTPUT -j TROOP");
  await marks.apply([]);
  expect(await marks.intact()).toBe(true);
  expect(run("iptables-legacy -t mangle -S TROOP")).toBe("-N TROOP\n");
  expect(run("iptables-legacy -t mangle -S PREROUTING")).toBe("-P PREROUTING ACCEPT\n");
  run("iptables-legacy -t mangle -F OUTPUT");
  // Nothing holds it any more.
  expect(await marks.intact()).toBe(false);
  await marks.apply([]);
  expect(mangle()).not.toContain("TROOP");
});
