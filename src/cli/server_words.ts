/**
 * The words of `troop server` made into a server and what is said of it. What is wrong with them by themselves is
 * refused before any agent is contacted.
 */
import { forwardingProblem, forwardings } from "../core/service/forwarding.ts";
import {
  formatServerRef,
  parseServerRef,
  type ServerChange,
  type ServerRef,
} from "../core/document/order.ts";
import { formatServiceName, type ServiceName, thresholdProblem } from "../core/service/service.ts";
import { usage } from "./session.ts";
import {
  type ForwardingOptions,
  type LimitOptions,
  readForwarding,
  readLimits,
  readServiceName,
  refuseNoChange,
} from "./words.ts";

/** Options of `troop server add` and `set`, as typed; false: as the service says. */
export interface ServerOptions extends ForwardingOptions, LimitOptions {}

/** An order about one server. */
export interface ServerOrder {
  readonly service: ServiceName;
  readonly server: ServerRef;
  readonly change: ServerChange;
}

/** Which verb begins the refusal, and what stands between server and service in it. */
const phrases = {
  add: ["add server", "to"],
  set: ["change server", "of"],
  remove: ["remove server", "from"],
} as const;

/** Reads the names of a service and a server. */
export function readServer(
  verb: keyof typeof phrases,
  serviceText: string,
  serverText: string,
): { readonly service: ServiceName; readonly server: ServerRef; readonly attempted: string } {
  const [begin, between] = phrases[verb];
  const service = readServiceName(serviceText, `${begin} ${serverText} ${between}`);
  const named = `${begin} ${serverText} ${between} ${formatServiceName(service)}`;
  const server = parseServerRef(serverText);
  if (server === undefined) {
    throw usage(
      named,
      `"${serverText}" is neither an address nor a name of a node`,
      "write for example 192.0.2.21, 192.0.2.21:8080, [2001:db8::21]:8080 or n2",
    );
  }
  const attempted = `${begin} ${formatServerRef(server)} ${between} ${formatServiceName(service)}`;
  return { service, server, attempted };
}

/** Reads the whole order of `add` or `set`. Throws a usage Refusal. */
export function readServerOrder(
  verb: "add" | "set",
  [serviceText, serverText]: readonly [string, string],
  options: ServerOptions,
): ServerOrder {
  const { service, server, attempted } = readServer(verb, serviceText, serverText);
  const change: ServerChange = {
    ...readForwarding(attempted, options),
    ...readLimits(attempted, options),
    ...readAsService(options),
  };
  const { upper, lower } = change;
  const problem = forwardProblem(service, server, change) ??
    (typeof upper === "number" ? thresholdProblem({ upper, lower: lower ?? 0 }) : null);
  if (problem !== null) throw usage(attempted, problem, `see \`troop server ${verb} --help\``);
  if (verb === "set") refuseNoChange(attempted, change, "server set");
  return { service, server, change };
}

/** What is to be again as the service says. */
function readAsService(options: ServerOptions): ServerChange {
  return {
    ...(options.forward === false ? { forwarding: null } : {}),
    ...(options.tunnel === false ? { tunnel: null } : {}),
    ...(options.weight === false ? { weight: null } : {}),
    ...(options.upper === false ? { upper: null } : {}),
    ...(options.lower === false ? { lower: null } : {}),
  };
}

/** What cannot be whatever the service says: where no method is named, what is wrong with every one. */
function forwardProblem(
  service: ServiceName,
  server: ServerRef,
  { forwarding }: ServerChange,
): string | null {
  if ("node" in server) return null;
  const port = server.port ?? (service.protocol === "fwm" ? 0 : service.port);
  const methods = typeof forwarding === "string" ? [forwarding] : forwardings;
  const problems = methods.map((method) =>
    forwardingProblem(service, { address: server.address, port, forwarding: method })
  );
  const first = problems[0] ?? null;
  return problems.includes(null) ? null : first;
}
