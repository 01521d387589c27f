/**
 * Examines this machine: does it have what troop needs, and which command mends what is missing.
 *
 * All looks at the machine go through {@link DoctorTools}, so that a test can describe any machine.
 */
import { type Endpoint, formatEndpoint, parseEndpoint } from "../../core/address.ts";
import { CLUSTER_PORT_DEFAULT, type Config, HTTP_DEFAULT } from "../../core/config.ts";
import { callOf, type Home } from "../../core/home.ts";
import { describeLinks, type HostFacts } from "../../core/host.ts";
import { Refusal } from "../../core/refusal.ts";
import type { Finding } from "../../ports.ts";
import { examineAgent } from "./doctor_agent.ts";
import { examineHooks } from "./doctor_hooks.ts";
import type { DoctorTools } from "./doctor_looks.ts";
import { examineModules, NEW_KERNEL } from "./doctor_modules.ts";
import { expectedSwitches, findSwitches, switchPath } from "./doctor_switches.ts";
import { findModules } from "../kernel/kernel_modules.ts";
import { hasCapability, neededCapabilities, readCapabilities } from "../process/privileges.ts";

/** CAP_SYS_MODULE: with it the agent loads IPVS by itself. */
const SYS_MODULE_BIT = 16;
/** Administratively up (linux/if.h). */
const IFF_UP = 0x1;
/** Before this the clock was never set: 2025-01-01, before the first release. The boot number of an agent comes from it. */
const CLOCK_MS_MIN = Date.UTC(2025, 0, 1);

/** Examines the machine. Never throws for what is wrong with it: that is what findings are for. */
export async function diagnose(home: Home, tools: DoctorTools): Promise<Finding[]> {
  const { finding: configFinding, config } = examineConfig(home, tools);
  const libraries = await examineLibraries(tools);
  const ipvsProblem = libraries.state === "missing"
    ? "not asked, because the libraries are missing"
    : await tools.probeIpvs();
  const facts = await tools.hostFacts();
  return [
    libraries,
    examinePrivileges(home, tools),
    ...examineAgent(config, tools.agentStatus(home)),
    examineIpvs(home, ipvsProblem, tools),
    ...await examineModules(tools),
    examineSwitches(config, { home, facts, ipvsThere: ipvsProblem === null, tools }),
    ...await examinePorts(home, config, tools),
    configFinding,
    ...(config === undefined ? [] : [examineInterface(config, { home, facts, tools })]),
    ...examineHooks(config?.hooks ?? [], tools),
    examineClock(tools),
  ];
}

function ok(what: string, detail: string): Finding {
  return { what, state: "ok", detail, remedy: null };
}

function asRoot(home: Home): string {
  return `sudo ${callOf(home)} doctor`;
}

function examineConfig(
  home: Home,
  tools: DoctorTools,
): { readonly finding: Finding; readonly config?: Config } {
  const what = "config";
  try {
    const { config, warnings } = tools.readConfig(home);
    const [warning] = warnings;
    if (warning !== undefined) {
      const remedy = `chmod 600 ${home.config}`;
      return { config, finding: { what, state: "warning", detail: warning, remedy } };
    }
    return {
      config,
      finding: ok(what, `${home.config}: node ${config.name} of ${config.cluster}`),
    };
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    const absent = tools.readText(home.config) === null;
    const detail = `${home.config}: ${error.problem}`;
    // Without a file this is a machine that is being prepared: nothing is wrong with it.
    return {
      finding: { what, state: absent ? "warning" : "missing", detail, remedy: error.remedy },
    };
  }
}

async function examineLibraries(tools: DoctorTools): Promise<Finding> {
  const found = await tools.probeLibraries();
  const what = "libraries";
  if ("origin" in found) {
    return ok(
      what,
      `libnl-3 and libnl-genl-3, ${
        found.origin === "system" ? "the system's" : "troop's own copy"
      }`,
    );
  }
  const remedy = "apt-get install libnl-3-200 libnl-genl-3-200";
  return { what, state: "missing", detail: found.problem, remedy };
}

function effectiveCapabilities(tools: DoctorTools): bigint {
  return readCapabilities(tools.readText("/proc/self/status") ?? "").effective;
}

function examinePrivileges(home: Home, tools: DoctorTools): Finding {
  const what = "privileges";
  const effective = effectiveCapabilities(tools);
  const missing = neededCapabilities.filter(({ bit }) => !hasCapability(effective, bit));
  if (missing.length === 0) return ok(what, neededCapabilities.map(({ name }) => name).join(", "));
  const detail = missing.map(({ name, why }) => `${name} is missing (${why})`).join(", ");
  return { what, state: "missing", detail, remedy: asRoot(home) };
}

function examineIpvs(home: Home, problem: string | null, tools: DoctorTools): Finding {
  const what = "kernel IPVS";
  if (problem === null) return ok(what, `answers (kernel ${tools.kernelRelease()})`);
  const modules = findModules(tools);
  if (modules.state("ip_vs") === "loaded" || modules.state("ip_vs") === "builtin") {
    const detail = `is there and does not answer: ${problem}`;
    return { what, state: "missing", detail, remedy: asRoot(home) };
  }
  if (modules.state("ip_vs") === "available") {
    const canLoad = hasCapability(effectiveCapabilities(tools), SYS_MODULE_BIT);
    return {
      what,
      state: canLoad ? "warning" : "missing",
      detail: `the module is not loaded${canLoad ? "; the agent will load it" : ""}`,
      remedy: "modprobe ip_vs",
    };
  }
  return {
    what,
    state: "missing",
    detail:
      `kernel ${tools.kernelRelease()} has no ip_vs module here (${problem}); a container needs it from its host`,
    remedy: NEW_KERNEL,
  };
}

function examineSwitches(
  config: Config | undefined,
  { home, facts, ipvsThere, tools }: {
    readonly home: Home;
    readonly facts: HostFacts;
    readonly ipvsThere: boolean;
    readonly tools: DoctorTools;
  },
): Finding {
  const what = "sysctls";
  const { defaultInterface, links } = facts;
  const carrier = config?.interface ?? defaultInterface ?? links[0]?.name ?? "all";
  const expected = expectedSwitches(carrier);
  const switches = findSwitches(expected, tools.readText);
  const asked = expected
    // Those of IPVS come with the module, and that has a finding of its own.
    .filter(({ name, always }) => always && (ipvsThere || !name.startsWith("net.ipv4.vs.")))
    .map(({ name, why }) => ({ name, why, path: switchPath(name) }));
  const absent = asked.filter(({ path }) => tools.readText(path) === null);
  const fixed = asked.filter((item) => !absent.includes(item) && !tools.canWrite(item.path));
  const [first] = absent;
  if (first !== undefined) {
    const detail = `${absent.map(({ name }) => name).join(", ")}: not in this kernel; ${first.why}`;
    return { what, state: "missing", detail, remedy: NEW_KERNEL, switches };
  }
  const [firstFixed] = fixed;
  if (firstFixed !== undefined) {
    const detail = `${
      fixed.map(({ name }) => name).join(", ")
    }: cannot be written (a container needs a writable /proc/sys); ${firstFixed.why}`;
    return { what, state: "missing", detail, remedy: asRoot(home), switches };
  }
  return { ...ok(what, `${asked.length} can be set`), switches };
}

async function examinePorts(
  home: Home,
  config: Config | undefined,
  tools: DoctorTools,
): Promise<Finding[]> {
  const running = await tools.agentRuns(home);
  const cluster: Endpoint = {
    address: config?.address ?? "0.0.0.0",
    port: config?.port ?? CLUSTER_PORT_DEFAULT,
  };
  const http = config?.http ?? HTTP_DEFAULT;
  const httpEndpoint = http === "off" ? undefined : parseEndpoint(http);
  const findings = [
    await examinePort({ what: "cluster port", key: "port", protocols: ["tcp", "udp"] }, cluster, {
      home,
      running,
      tools,
    }),
  ];
  if (httpEndpoint !== undefined) {
    const look = { what: "HTTP port", key: "http", protocols: ["tcp"] } as const;
    findings.push(await examinePort(look, httpEndpoint, { home, running, tools }));
  }
  return findings;
}

async function examinePort(
  { what, key, protocols }: {
    readonly what: string;
    readonly key: string;
    readonly protocols: readonly ("tcp" | "udp")[];
  },
  endpoint: Endpoint,
  { home, running, tools }: {
    readonly home: Home;
    readonly running: boolean;
    readonly tools: DoctorTools;
  },
): Promise<Finding> {
  const name = formatEndpoint(endpoint);
  if (running) return ok(what, `${name}: this node's agent runs`);
  for (const protocol of protocols) {
    const problem = await tools.portProblem(protocol, endpoint);
    if (problem === null) continue;
    return {
      what,
      state: "missing",
      detail:
        `${protocol} ${name}: ${problem}; free it, or set another \`${key}\` in ${home.config}`,
      remedy: `ss -lnp${protocol[0]} 'sport = :${endpoint.port}'`,
    };
  }
  return ok(what, `${name} (${protocols.join(", ")}) is free`);
}

function examineInterface(
  config: Config,
  { home, facts: { links }, tools }: {
    readonly home: Home;
    readonly facts: HostFacts;
    readonly tools: DoctorTools;
  },
): Finding {
  const what = "interface";
  const link = links.find(({ name }) => name === config.interface);
  const correct = `correct it in ${home.config}; this machine has ${describeLinks(links)}`;
  if (link === undefined) {
    return {
      what,
      state: "missing",
      detail: `${config.interface} does not exist`,
      remedy: correct,
    };
  }
  if (!link.addresses.includes(config.address)) {
    const detail = `${config.interface} does not have ${config.address}`;
    return { what, state: "missing", detail, remedy: correct };
  }
  const lost = config.heartbeat.filter((ip) => !links.some((item) => item.addresses.includes(ip)));
  if (lost.length > 0) {
    const detail = `no interface has the heartbeat address ${lost.join(", ")}`;
    return { what, state: "missing", detail, remedy: correct };
  }
  // /sys shows it only where it is mounted for this network namespace; silence there is no finding.
  const flags = tools.readText(`/sys/class/net/${config.interface}/flags`);
  if (flags !== null && (Number(flags) & IFF_UP) === 0) {
    const detail = `${config.interface} is down`;
    return { what, state: "missing", detail, remedy: `ip link set ${config.interface} up` };
  }
  if (tools.readText(`/sys/class/net/${config.interface}/carrier`)?.trim() === "0") {
    const detail = `${config.interface} has no carrier`;
    return { what, state: "warning", detail, remedy: `ip link show ${config.interface}` };
  }
  return ok(what, `${config.interface} has ${config.address}`);
}

function examineClock(tools: DoctorTools): Finding {
  const what = "clock";
  const now = tools.wallMs();
  const text = new Date(now).toISOString().slice(0, 16).replace("T", " ") + " UTC";
  if (now >= CLOCK_MS_MIN) return ok(what, text);
  const detail = `says ${text}: a node with such a clock looks older than it is`;
  return { what, state: "warning", detail, remedy: "timedatectl set-ntp true" };
}
