/** The doctor on machines that are described: what is found, and which command mends it. */
import { describe, expect, test } from "bun:test";
import { configSchema } from "../../src/core/config.ts";
import { homeIn } from "../../src/core/home.ts";
import { Refusal } from "../../src/core/refusal.ts";
import type { Finding } from "../../src/ports.ts";
import { diagnose, type DoctorTools } from "../../src/shell/doctor.ts";

const home = homeIn("/srv/n1");
const config = configSchema.parse({
  cluster: "troop",
  name: "n1",
  interface: "eth0",
  address: "192.0.2.11",
  heartbeat: ["10.0.0.11"],
  token: `troop1-${"a".repeat(64)}`,
});
const RELEASE = "6.1.0-18-amd64";
const ipvs = "kernel/net/netfilter/ipvs";

/** A /proc and /sys on which all is well. */
const files: Readonly<Record<string, string>> = {
  "/srv/n1/troop.yaml": "…",
  "/proc/self/status": "Name:\ttroop\nCapEff:\t000001ffffffffff\nSeccomp:\t0\n",
  "/proc/modules":
    "ip_vs_wlc 16384 1 - Live 0x0000000000000000\nip_vs 200704 3 ip_vs_wlc, Live 0x0\n",
  [`/lib/modules/${RELEASE}/modules.builtin`]: `${ipvs}/ip_vs_rr.ko\n`,
  [`/lib/modules/${RELEASE}/modules.dep`]:
    `${ipvs}/ip_vs.ko: kernel/lib/libcrc32c.ko\n${ipvs}/ip_vs_wlc.ko: ${ipvs}/ip_vs.ko\n${ipvs}/ip_vs_sh.ko.xz: ${ipvs}/ip_vs.ko\n`,
  "/proc/sys/net/ipv4/conf/eth0/arp_ignore": "0\n",
  "/proc/sys/net/ipv4/conf/eth0/arp_announce": "0\n",
  "/proc/sys/net/ipv4/vs/backup_only": "0\n",
  "/proc/sys/net/ipv4/vs/sync_threshold": "3\t50\n",
  "/proc/sys/net/ipv4/vs/sync_refresh_period": "0\n",
  "/sys/class/net/eth0/carrier": "1\n",
};

interface Change {
  /** Texts that differ; null for a file that is gone. */
  readonly files?: Readonly<Record<string, string | null>>;
  readonly tools?: Partial<DoctorTools>;
}

function machine({ files: changed = {}, tools = {} }: Change = {}): DoctorTools {
  const all: Readonly<Record<string, string | null>> = { ...files, ...changed };
  return {
    readText: (path) => all[path] ?? null,
    canWrite: () => true,
    kernelRelease: () => RELEASE,
    hostFacts: () => ({
      hostname: "n1",
      defaultInterface: "eth0",
      links: [{ name: "eth0", addresses: ["192.0.2.11"] }, {
        name: "eth1",
        addresses: ["10.0.0.11"],
      }],
    }),
    readConfig: () => ({ config, warnings: [] }),
    probeLibraries: async () => ({ origin: "system" }),
    probeIpvs: async () => null,
    portProblem: async () => null,
    agentRuns: async () => false,
    wallMs: () => Date.UTC(2026, 0, 2, 12, 0),
    ...tools,
  };
}

async function finding(what: string, change: Change): Promise<Omit<Finding, "what"> | undefined> {
  const found = (await diagnose(home, machine(change))).find((item) => item.what === what);
  if (found === undefined) return undefined;
  const { what: _, ...rest } = found;
  return rest;
}

describe("diagnose", () => {
  test("finds nothing on a machine that has all", async () => {
    expect(await diagnose(home, machine())).toEqual([
      {
        what: "libraries",
        state: "ok",
        detail: "libnl-3 and libnl-genl-3, the system's",
        remedy: null,
      },
      { what: "privileges", state: "ok", detail: "CAP_NET_ADMIN, CAP_NET_RAW", remedy: null },
      { what: "kernel IPVS", state: "ok", detail: `answers (kernel ${RELEASE})`, remedy: null },
      {
        what: "schedulers",
        state: "ok",
        detail:
          "rr, wlc, sh; not on this machine: wrr, lc, fo, ovf, lblc, lblcr, dh, mh, sed, nq, twos",
        remedy: null,
      },
      { what: "sysctls", state: "ok", detail: "5 can be set", remedy: null },
      {
        what: "cluster port",
        state: "ok",
        detail: "192.0.2.11:6940 (tcp, udp) is free",
        remedy: null,
      },
      { what: "HTTP port", state: "ok", detail: "127.0.0.1:6941 (tcp) is free", remedy: null },
      { what: "config", state: "ok", detail: "/srv/n1/troop.yaml: node n1 of troop", remedy: null },
      { what: "interface", state: "ok", detail: "eth0 has 192.0.2.11", remedy: null },
      { what: "clock", state: "ok", detail: "2026-01-02 12:00 UTC", remedy: null },
    ]);
  });

  const noModule = { "/proc/modules": "", [`/lib/modules/${RELEASE}/modules.builtin`]: "" };
  const noLists = { ...noModule, [`/lib/modules/${RELEASE}/modules.dep`]: null };
  const noIpvs = { probeIpvs: async () => "ENOENT" };
  const onlyNetAdmin = { "/proc/self/status": "CapEff:\t0000000000001000\n" };

  test.each<[string, string, Change, Finding["state"], string, string | null]>([
    [
      "its own copy of the libraries",
      "libraries",
      { tools: { probeLibraries: async () => ({ origin: "embedded" }) } },
      "ok",
      "libnl-3 and libnl-genl-3, troop's own copy",
      null,
    ],
    [
      "missing libraries",
      "libraries",
      {
        tools: {
          probeLibraries: async () => ({ problem: "open libnl-3.so.200: not on this machine" }),
        },
      },
      "missing",
      "open libnl-3.so.200: not on this machine",
      "apt-get install libnl-3-200 libnl-genl-3-200",
    ],
    [
      "missing CAP_NET_RAW",
      "privileges",
      { files: onlyNetAdmin },
      "missing",
      "CAP_NET_RAW is missing (to announce VIPs on the LAN)",
      "sudo troop --home /srv/n1 doctor",
    ],
    [
      "missing privileges",
      "privileges",
      { files: { "/proc/self/status": "CapEff:\t0000000000000000\n" } },
      "missing",
      "CAP_NET_ADMIN is missing (to change addresses and the IPVS table), CAP_NET_RAW is missing (to announce VIPs on the LAN)",
      "sudo troop --home /srv/n1 doctor",
    ],
    [
      "IPVS that can be loaded, by root",
      "kernel IPVS",
      { files: noModule, tools: noIpvs },
      "warning",
      "the module is not loaded; the agent will load it",
      "modprobe ip_vs",
    ],
    [
      "IPVS that can be loaded, by somebody else",
      "kernel IPVS",
      { files: { ...noModule, ...onlyNetAdmin }, tools: noIpvs },
      "missing",
      "the module is not loaded",
      "modprobe ip_vs",
    ],
    [
      "a kernel without IPVS",
      "kernel IPVS",
      { files: noLists, tools: noIpvs },
      "missing",
      `kernel ${RELEASE} has no ip_vs module here (ENOENT); a container needs it from its host`,
      "apt-get install linux-image-amd64 && reboot",
    ],
    [
      "IPVS that is there and says no",
      "kernel IPVS",
      { tools: { probeIpvs: async () => "EPERM" } },
      "missing",
      "is there and does not answer: EPERM",
      "sudo troop --home /srv/n1 doctor",
    ],
    [
      "no list of schedulers",
      "schedulers",
      { files: noLists },
      "warning",
      `cannot tell: no module list for kernel ${RELEASE}`,
      "modprobe ip_vs_wlc",
    ],
    [
      "a kernel without wlc",
      "schedulers",
      { files: { ...noModule, [`/lib/modules/${RELEASE}/modules.dep`]: `${ipvs}/ip_vs_rr.ko:\n` } },
      "warning",
      "wlc, the usual one, is not on this machine",
      "modprobe ip_vs_wlc",
    ],
    [
      "a switch the kernel lacks",
      "sysctls",
      { files: { "/proc/sys/net/ipv4/vs/backup_only": null } },
      "missing",
      "net.ipv4.vs.backup_only: not in this kernel; two nodes could balance one packet twice",
      "apt-get install linux-image-amd64 && reboot",
    ],
    [
      "switches that cannot be written",
      "sysctls",
      { tools: { canWrite: (path) => !path.includes("eth0") } },
      "missing",
      "net.ipv4.conf.eth0.arp_ignore, net.ipv4.conf.eth0.arp_announce: cannot be written (a container needs a writable /proc/sys); real servers would answer ARP for the VIP",
      "sudo troop --home /srv/n1 doctor",
    ],
    [
      "not the switches of an IPVS that is not there",
      "sysctls",
      { files: { "/proc/sys/net/ipv4/vs/backup_only": null }, tools: noIpvs },
      "ok",
      "2 can be set",
      null,
    ],
    [
      "a cluster port in use",
      "cluster port",
      {
        tools: {
          portProblem: async (protocol, { port }) =>
            protocol === "udp" && port === 6940 ? "in use by another program" : null,
        },
      },
      "missing",
      "udp 192.0.2.11:6940: in use by another program; free it, or set another `port` in /srv/n1/troop.yaml",
      "ss -lnpu 'sport = :6940'",
    ],
    [
      "an HTTP port in use",
      "HTTP port",
      {
        tools: {
          portProblem: async (_, { port }) => port === 6941 ? "in use by another program" : null,
        },
      },
      "missing",
      "tcp 127.0.0.1:6941: in use by another program; free it, or set another `http` in /srv/n1/troop.yaml",
      "ss -lnpt 'sport = :6941'",
    ],
    [
      "ports its own agent has",
      "cluster port",
      {
        tools: {
          agentRuns: async () => true,
          portProblem: async () => "in use by another program",
        },
      },
      "ok",
      "192.0.2.11:6940: this node's agent runs",
      null,
    ],
    [
      "a secret others can read",
      "config",
      { tools: { readConfig: () => ({ config, warnings: ["others can read it"] }) } },
      "warning",
      "others can read it",
      "chmod 600 /srv/n1/troop.yaml",
    ],
    [
      "an interface that is gone",
      "interface",
      {
        tools: {
          hostFacts: () => ({
            hostname: "n1",
            defaultInterface: null,
            links: [{ name: "eth1", addresses: ["10.0.0.11"] }],
          }),
        },
      },
      "missing",
      "eth0 does not exist",
      "correct it in /srv/n1/troop.yaml; this machine has eth1 (10.0.0.11)",
    ],
    [
      "an address that is gone",
      "interface",
      {
        tools: {
          hostFacts: () => ({
            hostname: "n1",
            defaultInterface: null,
            links: [{ name: "eth0", addresses: [] }],
          }),
        },
      },
      "missing",
      "eth0 does not have 192.0.2.11, or is down",
      "correct it in /srv/n1/troop.yaml; this machine has eth0 (no address)",
    ],
    [
      "a second path that is gone",
      "interface",
      {
        tools: {
          hostFacts: () => ({
            hostname: "n1",
            defaultInterface: null,
            links: [{ name: "eth0", addresses: ["192.0.2.11"] }],
          }),
        },
      },
      "missing",
      "no interface has the heartbeat address 10.0.0.11",
      "correct it in /srv/n1/troop.yaml; this machine has eth0 (192.0.2.11)",
    ],
    [
      "no carrier",
      "interface",
      { files: { "/sys/class/net/eth0/carrier": "0\n" } },
      "warning",
      "eth0 has no carrier",
      "ip link show eth0",
    ],
    [
      "a clock that was never set",
      "clock",
      { tools: { wallMs: () => 0 } },
      "warning",
      "says 1970-01-01 00:00 UTC: a node with such a clock looks older than it is",
      "timedatectl set-ntp true",
    ],
  ])("finds %s", async (_, what, change, state, detail, remedy) => {
    expect(await finding(what, change)).toEqual({ state, detail, remedy });
  });

  test("takes a machine without a file for one that is being prepared", async () => {
    const absent = new Refusal({
      attempted: "read",
      problem: "there is no such file",
      remedy: "run init",
    });
    const tools = {
      readConfig: () => {
        throw absent;
      },
    };
    const change = { files: { "/srv/n1/troop.yaml": null }, tools };
    expect(await finding("config", change)).toEqual({
      state: "warning",
      detail: "/srv/n1/troop.yaml: there is no such file",
      remedy: "run init",
    });
    expect(await finding("interface", change)).toBeUndefined();
    expect((await finding("cluster port", change))?.detail).toBe("0.0.0.0:6940 (tcp, udp) is free");
    expect((await finding("config", { tools }))?.state).toBe("missing");
  });

  test("does not ask for an HTTP port that is off", async () => {
    const off = { readConfig: () => ({ config: { ...config, http: "off" }, warnings: [] }) };
    expect(await finding("HTTP port", { tools: off })).toBeUndefined();
  });
});
