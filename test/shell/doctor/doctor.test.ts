/** The doctor on machines that are described: what is found, and which command mends it. */
import { describe, expect, test } from "bun:test";
import { Refusal } from "../../../src/core/refusal.ts";
import type { Finding } from "../../../src/ports.ts";
import { diagnose } from "../../../src/shell/doctor/doctor.ts";
import { type Change, config, home, ipvs, machine, RELEASE } from "./doctor_machine.ts";

async function finding(
  what: string,
  change: Change,
): Promise<Pick<Finding, "state" | "detail" | "remedy"> | undefined> {
  const found = (await diagnose(home, machine(change))).find((item) => item.what === what);
  if (found === undefined) return undefined;
  const { state, detail, remedy } = found;
  return { state, detail, remedy };
}

describe("diagnose", () => {
  test("finds nothing on a machine that has all", async () => {
    const found = await diagnose(home, machine());
    expect(found.map(({ switches: _, ...rest }) => rest)).toEqual([
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
      { what: "protocols", state: "ok", detail: "tcp, udp, sctp", remedy: null },
      {
        what: "tunnels",
        state: "ok",
        detail: "ipip, sit; not on this machine: ip6_tunnel, ip_gre, ip6_gre, fou, fou6",
        remedy: null,
      },
      {
        what: "helpers",
        state: "ok",
        detail: "ip_vs_ftp (FTP with nat); not on this machine: ip_vs_pe_sip (--pe sip)",
        remedy: null,
      },
      { what: "marks", state: "ok", detail: "packets can be marked with nft", remedy: null },
      { what: "sysctls", state: "ok", detail: "9 can be set", remedy: null },
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
      "what is loaded where there is no list of schedulers",
      "schedulers",
      { files: { [`/lib/modules/${RELEASE}/modules.dep`]: null } },
      "ok",
      "rr, wlc loaded; cannot tell of others: no module list for this kernel",
      null,
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
      "a kernel that takes services with SCTP and drops their packets",
      "protocols",
      {
        tools: {
          kernelConfig: () =>
            "CONFIG_IP_VS=m\nCONFIG_IP_VS_PROTO_TCP=y\nCONFIG_IP_VS_PROTO_UDP=y\n",
        },
      },
      "warning",
      "IPVS of this kernel balances tcp, udp; services with sctp would be taken and get no packet",
      "apt-get install linux-image-amd64 && reboot",
    ],
    [
      "no protocols where nothing can be known of them",
      "protocols",
      { tools: { kernelConfig: () => null } },
      "ok",
      "cannot tell: no config of this kernel; tcp, udp, sctp are usual",
      null,
    ],
    [
      "no tunnels where nothing can be known of them",
      "tunnels",
      { files: noLists },
      "ok",
      "cannot tell: no module list for this kernel",
      null,
    ],
    [
      "a kernel without a helper",
      "helpers",
      { files: { ...noModule, [`/lib/modules/${RELEASE}/modules.dep`]: `${ipvs}/ip_vs_rr.ko:\n` } },
      "ok",
      "none; not on this machine: ip_vs_ftp (FTP with nat), ip_vs_pe_sip (--pe sip)",
      null,
    ],
    [
      "that nothing can mark packets",
      "marks",
      {
        tools: {
          markBackend: async () => ({
            problem: "nft is not installed",
            remedy: "apt-get install nftables",
          }),
        },
      },
      "warning",
      "services with --ports cannot work here: nft is not installed",
      "apt-get install nftables",
    ],
    [
      "a switch the kernel lacks",
      "sysctls",
      { files: { "/proc/sys/net/ipv4/vs/backup_only": null } },
      "missing",
      "net.ipv4.vs.backup_only: not in this kernel; a node that holds no VIP passes every packet untouched, or two tables would send it in circles",
      "apt-get install linux-image-amd64 && reboot",
    ],
    [
      "switches that cannot be written",
      "sysctls",
      { tools: { canWrite: (path) => !path.includes("eth0") } },
      "missing",
      "net.ipv4.conf.eth0.arp_ignore, net.ipv4.conf.eth0.arp_announce: cannot be written (a container needs a writable /proc/sys); answer ARP only for addresses of the interface asked on, not for a VIP on lo",
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
          hostFacts: async () => ({
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
          hostFacts: async () => ({
            hostname: "n1",
            defaultInterface: null,
            links: [{ name: "eth0", addresses: [] }],
          }),
        },
      },
      "missing",
      "eth0 does not have 192.0.2.11",
      "correct it in /srv/n1/troop.yaml; this machine has eth0 (no address)",
    ],
    [
      "a second path that is gone",
      "interface",
      {
        tools: {
          hostFacts: async () => ({
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
      "an interface that is down",
      "interface",
      { files: { "/sys/class/net/eth0/flags": "0x1002\n" } },
      "missing",
      "eth0 is down",
      "ip link set eth0 up",
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
