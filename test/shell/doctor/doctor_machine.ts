/** A described machine for the doctor. */
import { configSchema } from "../../../src/core/config.ts";
import { homeIn } from "../../../src/core/home.ts";
import type { DoctorTools } from "../../../src/shell/doctor/doctor_looks.ts";

/** Where the described node keeps its files. */
export const home = homeIn("/srv/n1");
/** Its config. */
export const config = configSchema.parse({
  cluster: "troop",
  name: "n1",
  interface: "eth0",
  address: "192.0.2.11",
  heartbeat: ["10.0.0.11"],
  token: `troop1-${"a".repeat(64)}`,
});
/** Its kernel. */
export const RELEASE = "6.1.0-18-amd64";
/** Folder of the IPVS modules in the kernel's lists. */
export const ipvs = "kernel/net/netfilter/ipvs";

/** A /proc and /sys on which all is well. */
const files: Readonly<Record<string, string>> = {
  "/srv/n1/troop.yaml": "…",
  "/proc/self/status": "Name:\ttroop\nCapEff:\t000001ffffffffff\nSeccomp:\t0\n",
  "/proc/modules":
    "ip_vs_wlc 16384 1 - Live 0x0000000000000000\nip_vs 200704 3 ip_vs_wlc, Live 0x0\n",
  [`/lib/modules/${RELEASE}/modules.builtin`]: `${ipvs}/ip_vs_rr.ko\n`,
  [`/lib/modules/${RELEASE}/modules.dep`]:
    `${ipvs}/ip_vs.ko: kernel/lib/libcrc32c.ko\n${ipvs}/ip_vs_wlc.ko: ${ipvs}/ip_vs.ko\n${ipvs}/ip_vs_sh.ko.xz: ${ipvs}/ip_vs.ko\n${ipvs}/ip_vs_ftp.ko:\nkernel/net/ipv4/ipip.ko:\nkernel/net/ipv6/sit.ko:\n`,
  "/proc/sys/net/ipv4/conf/eth0/arp_ignore": "0\n",
  "/proc/sys/net/ipv4/conf/eth0/arp_announce": "0\n",
  "/proc/sys/net/ipv4/vs/backup_only": "0\n",
  "/proc/sys/net/ipv4/vs/sync_threshold": "3\t50\n",
  "/proc/sys/net/ipv4/vs/sync_refresh_period": "0\n",
  "/proc/sys/net/ipv4/vs/conn_reuse_mode": "1\n",
  "/proc/sys/net/ipv4/vs/expire_nodest_conn": "0\n",
  "/proc/sys/net/ipv4/vs/expire_quiescent_template": "0\n",
  "/proc/sys/net/ipv4/vs/sloppy_tcp": "0\n",
  "/proc/sys/net/ipv4/ip_forward": "1\n",
  "/sys/class/net/eth0/carrier": "1\n",
  "/sys/class/net/eth0/flags": "0x1003\n",
};

/** How a machine differs from the one on which all is well. */
export interface Change {
  /** Texts that differ; null for a file that is gone. */
  readonly files?: Readonly<Record<string, string | null>>;
  readonly tools?: Partial<DoctorTools>;
}

/** A machine on which all is well, but for these changes. */
export function machine({ files: changed = {}, tools = {} }: Change = {}): DoctorTools {
  const all: Readonly<Record<string, string | null>> = { ...files, ...changed };
  return {
    readText: (path) => all[path] ?? null,
    canWrite: () => true,
    kernelRelease: () => RELEASE,
    kernelConfig: () =>
      ["", "_PROTO_TCP", "_PROTO_UDP", "_PROTO_SCTP"].map((name) => `CONFIG_IP_VS${name}=y\n`).join(
        "",
      ),
    hostFacts: async () => ({
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
    agentStatus: () => null,
    markBackend: async () => ({ tool: "nft" }),
    hookProblem: () => null,
    wallMs: () => Date.UTC(2026, 0, 2, 12, 0),
    ...tools,
  };
}
