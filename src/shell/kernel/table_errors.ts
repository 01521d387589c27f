/**
 * Errors of table operations: what was asked, and what the kernel's errno means there (net/netfilter/ipvs/ip_vs_ctl.c).
 */
import { KernelRequestError } from "../../../ffi/mod.ts";
import { formatEndpoint, ipFamily } from "../../core/address.ts";
import { formatServiceName, serviceFamily } from "../../core/service/service_name.ts";
import type { SyncDaemon, TableOperation, TableService } from "../../core/table/table.ts";

type ServerOperation = Extract<TableOperation, { kind: "addServer" | "editServer" }>;

/** The sync protocol has one family per connection, so the kernel has either daemons or such servers. */
const MIXED =
  "a sync daemon and a server of the other address family exclude each other in the kernel";

/** The outcome of an operation the kernel answered: null when it led to the row that was asked for. */
export function outcomeOf(
  operation: TableOperation,
  code: string | null,
): KernelRequestError | null {
  if (code === null) return null;
  const removal = operation.kind === "removeService" || operation.kind === "removeServer";
  if (removal && (code === "ESRCH" || code === "ENOENT")) return null;
  return failed(operation, { code, detail: explain(operation, code) });
}

/** The error of an operation. */
export function failed(
  operation: TableOperation,
  problem: {
    readonly code: string;
    readonly detail?: string | undefined;
    readonly cause?: unknown;
  },
): KernelRequestError {
  const { code, detail, cause } = problem;
  const request = { operation: describe(operation), code };
  return new KernelRequestError(detail === undefined ? request : { ...request, detail }, { cause });
}

const verbs = {
  addService: "add virtual service",
  editService: "change virtual service",
  removeService: "remove virtual service",
  addServer: "add real server",
  editServer: "change real server",
  removeServer: "remove real server",
} as const;

function describe(operation: TableOperation): string {
  const service = formatServiceName(operation.service);
  const verb = verbs[operation.kind];
  if (!("server" in operation)) return `${verb} ${service}`;
  return `${verb} ${formatEndpoint(operation.server)} of ${service}`;
}

function explain(operation: TableOperation, code: string): string | undefined {
  if (code === "EAFNOSUPPORT") {
    return "this kernel has IPv6 switched off: boot it without ipv6.disable=1, or use IPv4";
  }
  switch (operation.kind) {
    case "addService":
    case "editService":
      return code === "ENOENT" ? missingModule(operation.service) : undefined;
    case "addServer":
    case "editServer":
      return code === "ESRCH" ? MISSING_SERVICE : explainServer(operation, code);
    default:
      return code === "ESRCH" ? MISSING_SERVICE : undefined;
  }
}

const MISSING_SERVICE = "the virtual service is not in the table";

/** ENOENT names neither: the kernel looked for the scheduler first, then for the engine. */
function missingModule({ scheduler, persistence }: TableService): string {
  const engine = persistence?.engine ?? null;
  if (engine === null) {
    return `kernel has no scheduler "${scheduler}": load it with \`modprobe ip_vs_${scheduler}\``;
  }
  const modules = `ip_vs_${scheduler} ip_vs_pe_${engine}`;
  return `kernel has no scheduler "${scheduler}" or no persistence engine "${engine}": ` +
    `load both with \`modprobe -a ${modules}\``;
}

function explainServer({ service, server }: ServerOperation, code: string): string | undefined {
  if (code === "ERANGE") return "the lower threshold must not be above the upper one";
  if (code !== "EINVAL") return undefined;
  if (ipFamily(server.address) !== serviceFamily(service)) {
    if (server.forwarding !== "tunnel") return "only a tunnel leads to the other address family";
    return `${MIXED}: use a server of the service's family, or run no sync daemon`;
  }
  return `${server.address} is no address a packet can be sent to`;
}

/** Runs a request for a sync daemon, and says what EINVAL means there. */
export function explainDaemon(daemon: SyncDaemon, request: () => void): void {
  try {
    request();
  } catch (error) {
    if (!(error instanceof KernelRequestError) || error.code !== "EINVAL") throw error;
    const { operation, code } = error;
    const detail = `${daemon.group} must be a multicast group; ${MIXED}: remove such servers`;
    throw new KernelRequestError({ operation, code, detail }, { cause: error });
  }
}
