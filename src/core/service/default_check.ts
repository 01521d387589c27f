/**
 * The check of a service of which nobody named one.
 */
import { type Check, NO_CHECK, TCP_CHECK } from "../check.ts";
import type { PortRange, ServiceName } from "./service.ts";

/** The check of a service that names none: silence of UDP proves nothing, and only a port of its own can be connected to. */
export function defaultCheck(name: ServiceName, ports: readonly PortRange[]): Check {
  if (name.protocol !== "fwm") {
    return name.protocol === "tcp" && name.port > 0 ? TCP_CHECK : NO_CHECK;
  }
  const [range] = ports;
  return range?.protocol === "tcp" ? { ...TCP_CHECK, port: range.first } : NO_CHECK;
}
