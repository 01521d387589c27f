/**
 * What the doctor may look at, as an interface.
 */
import type { Endpoint } from "../../core/address.ts";
import type { Home } from "../../core/home.ts";
import type { Hook } from "../../core/hook.ts";
import type { HostFacts } from "../../core/host.ts";
import type { MarkBackend } from "../../ports.ts";
import type { ReadConfig } from "../files/config_file.ts";

/** How the doctor looks at a machine. None of these changes anything. */
export interface DoctorTools {
  /** The text of a file, or null when it cannot be read. */
  readText(path: string): string | null;
  /** Whether the file can be opened for writing; nothing is written. */
  canWrite(path: string): boolean;
  /** Name of the running kernel, `uname -r`. */
  kernelRelease(): string;
  /** Its config, or null where nobody tells it. */
  kernelConfig(): string | null;
  hostFacts(): Promise<HostFacts>;
  /** Throws a Refusal. */
  readConfig(home: Home): ReadConfig;
  /** Where the netlink libraries come from, or in words why they cannot be opened. */
  probeLibraries(): Promise<
    { readonly origin: "system" | "embedded" } | { readonly problem: string }
  >;
  /** Null when IPVS answers over generic netlink, else why not. */
  probeIpvs(): Promise<string | null>;
  /** Null when the port can be listened on, else why not. */
  portProblem(protocol: "tcp" | "udp", endpoint: Endpoint): Promise<string | null>;
  /** Whether an agent answers on the node's socket: then it is the one who has the ports. */
  agentRuns(home: Home): Promise<boolean>;
  /** What proc(5) says in `status` of the node's agent, if one runs and may be looked at; else null. */
  agentStatus(home: Home): string | null;
  /** What marks packets on this machine, or why nothing can. Tried on the kernel; nothing stays. */
  markBackend(): Promise<MarkBackend>;
  /** Why a hook cannot work on this machine; null when it can. */
  hookProblem(hook: Hook): string | null;
  /** Wall clock, ms since 1970. */
  wallMs(): number;
}
