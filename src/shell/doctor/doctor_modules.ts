/**
 * What the doctor says of the kernel's modules: schedulers, protocols, tunnels, helpers for protocols, and firewall marks. All but
 * the usual scheduler are wanted by some services only, so that a machine without them lacks nothing yet.
 */
import { protocols, schedulers } from "../../core/service/service.ts";
import type { Finding, MarkBackend } from "../../ports.ts";
import { hasKernelOption } from "../kernel/kernel_config.ts";
import { findModules, type KernelModules } from "../kernel/kernel_modules.ts";

/** The looks this needs; see DoctorTools. */
export interface ModuleTools {
  readText(path: string): string | null;
  kernelRelease(): string;
  /** The running kernel's config; null where nobody tells it. */
  kernelConfig(): string | null;
  markBackend(): Promise<MarkBackend>;
}

/** Debian's kernel has all modules; the one of its `cloud` flavour lacks them. */
export const NEW_KERNEL = "apt-get install linux-image-amd64 && reboot";
/** What unwraps tunnelled packets on a real server. */
const tunnelModules = ["ipip", "sit", "ip6_tunnel", "ip_gre", "ip6_gre", "fou", "fou6"];
/** What follows protocols that name addresses in their payload. */
const helperModules = [
  { module: "ip_vs_ftp", name: "ip_vs_ftp (FTP with nat)" },
  { module: "ip_vs_pe_sip", name: "ip_vs_pe_sip (--pe sip)" },
];

/** Examines all of them. */
export async function examineModules(tools: ModuleTools): Promise<Finding[]> {
  const modules = findModules(tools);
  return [
    examineSchedulers(modules, tools),
    examineProtocols(tools.kernelConfig()),
    examineSome("tunnels", tunnelModules.map((name) => ({ module: name, name })), modules),
    examineSome("helpers", helperModules, modules),
    await examineMarks(tools),
  ];
}

function examineSchedulers(modules: KernelModules, tools: ModuleTools): Finding {
  const what = "schedulers";
  const usable = schedulers.filter((name) => modules.state(`ip_vs_${name}`) !== "absent");
  const absent = schedulers.filter((name) => !usable.includes(name));
  if (usable.includes("wlc")) {
    return { what, state: "ok", detail: listing(usable, absent, modules), remedy: null };
  }
  const detail = modules.known
    ? "wlc, the usual one, is not on this machine"
    : `cannot tell: no module list for kernel ${tools.kernelRelease()}`;
  return { what, state: "warning", detail, remedy: "modprobe ip_vs_wlc" };
}

/**
 * Protocols are parts of the module. It takes a service of a protocol it lacks and never balances one of its packets
 * (ip_vs_genl_parse_service looks at none, ip_vs_proto_get finds none), so that only its config tells.
 */
function examineProtocols(config: string | null): Finding {
  const what = "protocols";
  if (config === null || !hasKernelOption(config, "CONFIG_IP_VS")) {
    const why = config === null ? "no config of this kernel" : "its config has no IPVS";
    const detail = `cannot tell: ${why}; ${protocols.join(", ")} are usual`;
    return { what, state: "ok", detail, remedy: null };
  }
  const usable = protocols.filter((name) =>
    hasKernelOption(config, `CONFIG_IP_VS_PROTO_${name.toUpperCase()}`)
  );
  const absent = protocols.filter((name) => !usable.includes(name));
  if (absent.length === 0) return { what, state: "ok", detail: usable.join(", "), remedy: null };
  return {
    what,
    state: "warning",
    detail: `IPVS of this kernel balances ${usable.join(", ") || "none"}; services with ${
      absent.join(", ")
    } would be taken and get no packet`,
    remedy: NEW_KERNEL,
  };
}

/** Modules that some services need. */
function examineSome(
  what: string,
  wanted: readonly { readonly module: string; readonly name: string }[],
  modules: KernelModules,
): Finding {
  const isThere = ({ module }: { readonly module: string }) => modules.state(module) !== "absent";
  const usable = wanted.filter(isThere).map(({ name }) => name);
  const absent = wanted.filter((item) => !isThere(item)).map(({ name }) => name);
  return { what, state: "ok", detail: listing(usable, absent, modules), remedy: null };
}

/** Without a list of what could be loaded, only what is loaded is known. */
function listing(
  usable: readonly string[],
  absent: readonly string[],
  { known }: KernelModules,
): string {
  if (absent.length === 0) return usable.join(", ");
  if (!known) {
    const loaded = usable.length === 0 ? "" : `${usable.join(", ")} loaded; `;
    return `${loaded}cannot tell${loaded && " of others"}: no module list for this kernel`;
  }
  return `${usable.length === 0 ? "none" : usable.join(", ")}; not on this machine: ${
    absent.join(", ")
  }`;
}

async function examineMarks(tools: ModuleTools): Promise<Finding> {
  const what = "marks";
  const backend = await tools.markBackend();
  if ("tool" in backend) {
    return {
      what,
      state: "ok",
      detail: `packets can be marked with ${backend.tool}`,
      remedy: null,
    };
  }
  const detail = `services with --ports cannot work here: ${backend.problem}`;
  return { what, state: "warning", detail, remedy: backend.remedy };
}
