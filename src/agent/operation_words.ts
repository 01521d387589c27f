/**
 * What an operation on the IPVS table does, in words: for the log, and for counting what fails.
 */
import { formatEndpoint } from "../core/address.ts";
import { serviceKey } from "../core/service/service.ts";
import type { TableOperation } from "../core/table/table.ts";

const WORDS = {
  addService: "add service",
  editService: "change service",
  removeService: "remove service",
  addServer: "add server",
  editServer: "change server",
  removeServer: "remove server",
} as const;

/** `add server 192.0.2.21:80 of tcp/192.0.2.240:80`. */
export function operationWords(operation: TableOperation): string {
  const of = serviceKey(operation.service);
  const verb = WORDS[operation.kind];
  return "server" in operation
    ? `${verb} ${formatEndpoint(operation.server)} of ${of}`
    : `${verb} ${of}`;
}
